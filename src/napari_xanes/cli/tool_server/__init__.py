"""Tools for assistants: what files hold, recipes on them, and maps as tables and pictures; nothing is written."""
