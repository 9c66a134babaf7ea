#!/usr/bin/env bash
# Reads exports of a small course back by the tools that they are for: nbgrader 0.9.6, pandas 3.1.1, junitparser 5.0.3.
#
# Four students of an nbgrader course (one late, one whose folder is all digits, one with a comma in the name) and one who
# handed in nothing are graded. nbgrader gets the same people and points in its own database and exports them: both tables
# must say the same of everybody. pandas reads Canvas's and Moodle's tables, junitparser the JUnit file.
# It uses the project's .venv; nbgrader and the others go into a temporary folder.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
[ -x "$root/.venv/bin/python" ] || { echo "read_back.sh: $root/.venv is not there; make it with: make .venv"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check nbgrader==0.9.6 pandas==3.1.1 junitparser==5.0.3
cd "$folder"
hand_in() { mkdir -p "submitted/$1/hw1"; cp "$root/$2" "submitted/$1/hw1/hw1.py"; echo "$3 UTC" > "submitted/$1/hw1/timestamp.txt"; }
hand_in ada docs/examples/class/bob.py "2026-11-03 10:00:00.125000"
hand_in bo docs/examples/class/carol.py "2026-11-06 10:00:00"
hand_in 007 docs/examples/class/王芳.py "2026-11-04 23:59:59"
hand_in cy docs/examples/class/emil.py "2026-11-04 08:00:00"
cat > roster.csv <<'CSV'
last name,first name,number,group,login,email
Example,Ada,1001,A,ada,ada@example.org
"Example, Jr.",Bo,1002,A,bo,bo@example.org
Null,Wang,1003,B,007,seven@example.org
Example,Cy,1004,B,cy,cy@example.org
Example,Dora,1005,B,dora,dora@example.org
CSV
printf 'name = "hw1"\ndue = 2026-11-05T01:00:00+01:00\n[late]\nper_day = 0.1\n' > hw1.toml
formats=$(printf -- '--format %s ' nbgrader canvas moodle junit)
"$root/.venv/bin/python" "$root/scripts/grade.py" submitted --assignment hw1.toml --roster roster.csv --out book --jobs 1 --no-html $formats > graded.txt
export PATH="$folder/venv/bin:$PATH"
python -W ignore - <<'PYTHON'
import subprocess

import pandas as pd
from dateutil.parser import parse
from junitparser import JUnitXml
from nbgrader.api import Gradebook


def table(path):
    return pd.read_csv(path, dtype=str, keep_default_na=False)


ours = table("book/nbgrader.csv")
with Gradebook("sqlite:///gradebook.db") as book:
    book.add_assignment("hw1", duedate="2026-11-05 00:00:00.000000 UTC")
    book.add_notebook("hw", "hw1")
    book.add_grade_cell("cell", "hw", "hw1", max_score=10, cell_type="code")
    for row in ours.to_dict("records"):
        # nbgrader does not quote: a comma would move the columns (findings/nbgrader-export-comma-in-a-name.sh).
        names = {key: row[key].replace(",", "") for key in ("last_name", "first_name", "email")}
        book.add_student(row["student_id"], **names)
        if row["raw_score"]:
            book.add_submission("hw1", row["student_id"]).timestamp = parse(row["timestamp"])
            book.find_grade("cell", "hw", "hw1", row["student_id"]).manual_score = float(row["raw_score"])
            penalty = float(row["late_submission_penalty"])
            book.find_submission_notebook("hw", "hw1", row["student_id"]).late_submission_penalty = penalty
    book.db.commit()
subprocess.run(["nbgrader", "export", "--db", "sqlite:///gradebook.db"], check=True, stderr=subprocess.DEVNULL)
theirs = table("grades.csv").set_index("student_id")
assert [*ours.columns] == [*table("grades.csv").columns]
assert sorted(ours.student_id) == sorted(theirs.index) == ["007", "ada", "bo", "cy", "dora"]
for row in ours.to_dict("records"):
    same = theirs.loc[row["student_id"]]
    for key in ("assignment", "duedate", "timestamp", "email", "first_name"):
        assert row[key] == same[key], (row, key, same[key])
    for key in ("raw_score", "late_submission_penalty", "score", "max_score"):
        assert abs(float(row[key] or 0) - float(same[key])) < 1e-9, (row, key, same[key])
scores = {row["student_id"]: row["score"] for row in ours.to_dict("records")}
canvas = table("book/canvas.csv").iloc[1:]
assert {row["SIS Login ID"]: row["hw1"] for row in canvas.to_dict("records")} == scores
assert set(canvas["ID"]) == {""}
moodle = table("book/moodle.csv")
assert sorted(moodle["Grade"]) == sorted(scores.values()) and set(moodle["Identifier"]) == {""}
final = [{p.name: p.value for p in suite.properties()}.get("final", "") for suite in JUnitXml.fromfile("book/junit.xml")]
assert sorted(float(value) for value in final if value) == sorted(float(value) for value in scores.values() if value)
print("read back:", ", ".join(f"{who} {score or '-'}" for who, score in scores.items()))
PYTHON
