"""The commands of `harness`, one a file: what each is given, what it prints, and its exit code.

A command turns options into a request, hands it to what does the work, and shows what came of it. Nothing else imports
this package. What is heavy is imported inside the functions, so that `harness --help` answers in a blink.
"""
