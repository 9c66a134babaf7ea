"""What each script asks for. Start with main_job.py."""
