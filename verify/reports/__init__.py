"""Reports: what a record says, in the terminal, in Markdown and in HTML. They read the record and nothing else."""
