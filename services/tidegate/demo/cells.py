"""The cells Rosa runs. They use what any researcher has in the workspace, and nothing else."""

READ = """
import pathlib
import numpy as np
import pydicom

paths = sorted(pathlib.Path("/cohort").rglob("*.dcm"))
image = pydicom.dcmread(paths[0])
pixels = image.pixel_array
print(len(paths), image.Modality, *pixels.shape)
"""

WRITE = """
import time
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

def bright_share(path):
    small = pydicom.dcmread(path).pixel_array[::8, ::8].astype(float)
    return (small > 0.6 * small.max()).mean()

share = [bright_share(path) for path in paths[:4]]
made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
values = np.round([np.mean(share), np.std(share)], 3)
table = pd.DataFrame({"statistic": ["mean", "standard deviation"], "bright_share": values, "made": made})
table.to_csv("table.csv", index=False)

figure, axes = plt.subplots(figsize=(4, 3))
axes.bar(table["statistic"], table["bright_share"])
axes.set_ylabel("share of bright tissue")
axes.set_title(made, fontsize=7)
figure.savefig("figure.png", dpi=80, metadata={"Software": None})
print("written")
"""

NO_WAY_OUT = """
import socket
def attempt(family):
    try:
        socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        return type(error).__name__
    return "open"
print(attempt(socket.AF_INET), attempt(socket.AF_INET6))
"""

COPY_IMAGE = """
import shutil
shutil.copyfile(paths[0], "results.csv")
"""

ASK = """
from tidegate_notebook import release
print(release({files}, context={context!r}))
"""

# The session server takes up what a walk that was cut off had asked for; nothing is asked before that is done.
SETTLE = """
import pathlib
import time

def unanswered():
    outbox = (pathlib.Path.home() / "outbox").glob("*.json")
    return [path.name for path in outbox if not path.name.endswith(".answer.json")]

deadline = time.monotonic() + 60
while unanswered() and time.monotonic() < deadline:
    time.sleep(0.2)
print(*unanswered())
"""

CONTEXT = {
    "purpose": "Table and figure for the first report of the project",
    "audience": "Readers of the report",
    "row_meaning": "One statistic over the images of the cohort",
    "smallest_count": "Four images stand behind each figure; no count of people is shown",
    "control": "Only a mean and a standard deviation, rounded to three digits",
    "code": "The notebook of this walk",
}
