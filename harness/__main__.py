"""`python -m harness`."""

from harness.core.path import current_folder_last

if __name__ == "__main__":
    current_folder_last()  # before anything else of the project is imported
    from harness.cli import main

    main()
