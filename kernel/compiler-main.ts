/** The compiler's process where it starts from files, not from a snapshot. */
import { fileURLToPath } from 'node:url';
import { serve } from './compiler-server.js';
import { TypeFiles } from './type-files.js';

serve(process.argv[2]!, fileURLToPath(new URL('../../', import.meta.url)), new TypeFiles());
