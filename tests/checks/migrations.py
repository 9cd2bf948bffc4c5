"""Migrations: one head, and the tables are what the models say. ``--write NAME`` adds one."""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from app.db import make_engine
from app.schema_version import alembic_config, upgrade


def main() -> None:
    config = alembic_config()
    heads = ScriptDirectory.from_config(config).get_heads()
    if len(heads) != 1:
        sys.exit(f"There must be one newest migration, there are {len(heads)}: {', '.join(heads)}")
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{Path(folder, 'check.db')}")
        upgrade(engine)
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            if "--write" in sys.argv:
                name = sys.argv[sys.argv.index("--write") + 1]
                command.revision(config, name, autogenerate=True, rev_id=f"{int(heads[0]) + 1:04}")
            else:
                command.check(config)
        engine.dispose()


if __name__ == "__main__":
    main()
