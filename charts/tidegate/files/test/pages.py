# ruff: noqa: INP001 - a program, not a package
"""What `helm test` runs: each page of PAGES, as HOST/PATH, answers 200 through the proxy at the address PROXY."""

import os
import sys
from http.client import HTTPConnection, HTTPException

failed = 0
for page in os.environ["PAGES"].split():
    host, _, path = page.partition("/")
    connection = HTTPConnection(os.environ["PROXY"], 8000, timeout=20)
    try:
        connection.request("GET", f"/{path}", headers={"Host": host})
        answer = str(connection.getresponse().status)
    except (OSError, HTTPException) as error:
        answer = f"no answer: {error}"
    failed += answer != "200"
    sys.stdout.write(f"{page}: {answer}\n")
sys.exit(1 if failed else 0)
