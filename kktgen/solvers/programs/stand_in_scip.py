"""Stands in for the program ``scip``: obeys the few commands of its shell that kktgen gives, by PySCIPOpt.

Run as a script, apart from kktgen: ``python stand_in_scip.py -s FILE -c COMMAND -c COMMAND ..``.
"""

from __future__ import annotations

import argparse


def main() -> None:
    """Obey the commands."""
    import pyscipopt

    parser = argparse.ArgumentParser()
    parser.add_argument("-s", dest="settings")
    parser.add_argument("-c", dest="commands", action="append", default=[])
    parser.add_argument("--version", action="store_true")
    asked = parser.parse_args()
    scip = pyscipopt.Model()
    if asked.version:
        print(f"SCIP version {scip.getMajorVersion()}.{scip.getMinorVersion()}.{scip.getTechVersion()}")
        return
    if asked.settings:
        scip.readParams(asked.settings)
    for command in asked.commands:
        verb, _, file = command.rpartition(" ")
        if verb == "read" and file.endswith(".sol"):
            scip.readSol(file)
        elif verb == "read":
            scip.readProblem(file)
        elif command == "optimize":
            scip.optimize()
        elif verb == "write solution" and scip.getNSols():
            scip.writeBestSol(file)


if __name__ == "__main__":
    main()
