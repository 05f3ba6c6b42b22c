"""The tests of safla: each room of the package has a folder of the same name here."""
