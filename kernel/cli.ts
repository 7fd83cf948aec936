#!/usr/bin/env node
import { MdlabError } from '../lib/index.js';

throw new MdlabError('EUNSUPPORTED', `mdlab ${process.argv[2] ?? ''}: not built yet`);
