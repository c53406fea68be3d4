"""Texts that do something to a terminal, or to what a reader takes for the next line."""

HOSTILE_TEXT = {
    "clears the screen": "\x1b[2J\x1b[H",
    "sets the window's title": "\x1b]0;owned\x07",
    "begins a sequence in one byte": "\x9b31m",
    "overwrites its line": "iris is Ready\r",
    "makes a line of its own": "x\nshop/iris is Ready: all is well",
    "rings": "\x07",
    "turns the text around": "\u202etxet",
    "hides characters": "a\u200bb",
    "separates lines in Unicode": "x\u2028y",
    "hides in a tag": "\U000e0041",
}
