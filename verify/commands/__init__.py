"""What each command asks for, and its exit codes. It may import everything but benchmarks. Start with main_job.py."""
