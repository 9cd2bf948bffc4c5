"""The smallest FastAPI endpoint: what all figures are relative to."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def smallest() -> dict[str, str]:
    """A dict, and nothing else."""
    return {"hello": "world"}
