// JupyterLab 4 as a person uses it.
import { frontEndTests } from './front-end-tests.js';

frontEndTests('lab');
