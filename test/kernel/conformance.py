# Jupyter's own conformance suite for this kernel; conformance.test.ts runs it where the Python package is present.
import unittest

import jupyter_kernel_test


class Mdlab(jupyter_kernel_test.KernelTests):
    kernel_name = "mdlab"
    language_name = "typescript"
    file_extension = ".ts"
    code_hello_world = 'console.log("hello, world")'
    code_stderr = 'console.error("wrong")'
    completion_samples = [
        {"text": "consol", "matches": {"console"}},
        {"text": "JSON.par", "matches": {"parse"}},
    ]
    complete_code_samples = ["1", "const x = 1", "function f() { return 1 }", "await 1"]
    incomplete_code_samples = ["function f() {", "const s = `abc", "[1, 2", "f("]
    invalid_code_samples = ["const = 3", "f)", "let 1a"]
    code_page_something = "console?"
    code_generate_error = 'throw new Error("on purpose")'
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": "[1, 2].map((x) => x * 2)", "result": "[ 2, 4 ]"},
    ]
    code_display_data = [
        {"code": "display(html`<b>x</b>`)", "mime": "text/html"},
        {"code": "display(svg`<svg/>`)", "mime": "image/svg+xml"},
    ]
    code_history_pattern = "6 ?*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "console"
    code_clear_output = "clearOutput()"


class Welcome(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "mdlab"
    support_iopub_welcome = True


if __name__ == "__main__":
    loader = unittest.defaultTestLoader
    suite = unittest.TestSuite(loader.loadTestsFromTestCase(c) for c in (Mdlab, Welcome))
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    raise SystemExit(0 if result.wasSuccessful() and not result.skipped else 1)
