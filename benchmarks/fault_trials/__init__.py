"""Every writer under kills, full disks, errors of single writes, other writers and cut files."""
