"""The steps of the story, one function each; `demo/story.py` puts them in order."""
