"""What billing systems read: usage records on disk, in a database, in files and on invoices."""
