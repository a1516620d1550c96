"""What the server keeps, in SQL. Its functions run inside a transaction of ``database``."""
