#!/usr/bin/env bash
# nbgrader 0.9.6: `nbgrader export` writes names without quotes, so that a comma in one moves that person's grades.
#
# A student whose last name is "Li, Jr." and who has 9 of 10 points gets one column more than the heading has. Python's
# own CSV reader, which many scripts use that carry grades on, then finds the penalty where the score should be and the
# score where the maximum should be: 0 of 9. No step warns. backproof's nbgrader.csv has the same columns and quotes
# what needs it; a test reads names with commas back.
# Seen (CPython 3.11): Ada 8.0 of 10.0; Bo 0.0 of 9.0, where 9.0 of 10.0 are in nbgrader's database.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check nbgrader==0.9.6
cd "$folder"
export PATH="$folder/venv/bin:$PATH"
seen=$(python -W ignore - <<'PYTHON'
import csv
import subprocess

from nbgrader.api import Gradebook

with Gradebook("sqlite:///gradebook.db") as book:
    book.add_assignment("hw1")
    book.add_notebook("hw", "hw1")
    book.add_grade_cell("cell", "hw", "hw1", max_score=10, cell_type="code")
    for student, last, first, points in (("ada", "Lovelace", "Ada", 8.0), ("bo", "Li, Jr.", "Bo", 9.0)):
        book.add_student(student, last_name=last, first_name=first)
        book.add_submission("hw1", student)
        book.find_grade("cell", "hw", "hw1", student).manual_score = points
    book.db.commit()
subprocess.run(["nbgrader", "export", "--db", "sqlite:///gradebook.db"], check=True, stderr=subprocess.DEVNULL)
with open("grades.csv") as stream:
    print(*sorted(f"{row['student_id']} {row['score']} of {row['max_score']}" for row in csv.DictReader(stream)), sep="; ")
PYTHON
)
echo "seen: $seen"
expected="ada 8.0 of 10.0; bo 0.0 of 9.0"
[ "$seen" = "$expected" ] || { echo "this has changed: $expected was seen before"; exit 1; }
