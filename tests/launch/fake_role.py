"""A train command without training: does what the files of a folder tell it.

    python fake_role.py FOLDER

Notes its start in FOLDER/<role>.starts, one process id a line. Ends with the status in
FOLDER/<role>.exit as soon as that file is there. Where FOLDER/<role>.stubborn is,
SIGTERM does nothing; where FOLDER/<role>.child is, a process of its own runs on. The
chief copies FOLDER/status.json to where the launcher looks for it. Where
FOLDER/listen is, a role listens at its port on every interface, as TensorFlow does, and
the chief says which of the addresses answer.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

folder = pathlib.Path(sys.argv[1])
config = json.loads(os.environ["TF_CONFIG"])
task = config["task"]
name = f"{task['type']}{task['index']}"

if (folder / f"{name}.stubborn").exists():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if (folder / f"{name}.child").exists():
    child = subprocess.Popen(["sleep", "600"])
    (folder / f"{name}.child").write_text(str(child.pid))
with open(folder / f"{name}.starts", "a") as file:
    file.write(f"{os.getpid()}\n")
print(f"I am {task['type']} {task['index']} of {json.dumps(config['cluster'])}")
print("to standard error", file=sys.stderr)
print(f"threads {os.environ.get('OMP_NUM_THREADS')}")
if "OD_API_CLUSTER_STATUS" in os.environ and (folder / "status.json").exists():
    shutil.copy(folder / "status.json", os.environ["OD_API_CLUSTER_STATUS"])
if (folder / "listen").exists() and task["type"] != "evaluator":
    host, port = config["cluster"][task["type"]][task["index"]].split(":")
    server = socket.create_server(("", int(port)))
    addresses = [a for some in config["cluster"].values() for a in some]
    for address in addresses if name == "chief0" else ():
        host, port = address.split(":")
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection((host, int(port)), 5).close()
                break
        print(f"{address} answers")
while not (folder / f"{name}.exit").exists():
    time.sleep(0.02)
text = (folder / f"{name}.exit").read_text()
(folder / f"{name}.exit").unlink()
sys.exit(int(text))
