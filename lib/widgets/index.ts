/** Controls in a notebook that drive figures. */
export {
  Button,
  button,
  Dropdown,
  type DropdownOptions,
  dropdown,
  Label,
  label,
  row,
  Slider,
  type SliderOptions,
  slider,
  stack,
  TextField,
  Toggle,
  textField,
  toggle,
  WidgetBox,
} from './controls.js';
export { type ControlValues, Interaction, interact } from './interact.js';
export { Control, Widget } from './widget.js';
