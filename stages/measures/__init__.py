"""Every figure that is reported; labels are seen here, after all choices were made."""
