// Notebook 7 as a person uses it.
import { frontEndTests } from './front-end-tests.js';

frontEndTests('notebook');
