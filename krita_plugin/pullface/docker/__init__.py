"""What stands in the docker: widgets that show one pull and the connection, and call their methods."""
