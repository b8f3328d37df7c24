"""The page that a student gets back: each exercise, its mark, and what the check said."""

from html import escape

MARKS = {"right": "✓ solved", "wrong": "✗ not yet", "open": "○ not attempted"}

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{chapter}: {student}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem }}
li {{ margin: 1rem 0; padding-left: .8rem; border-left: .25rem solid GrayText; list-style: none }}
li.right {{ border-color: #2a7d4f }} li.wrong {{ border-color: #b3462f }}
ul {{ padding: 0 }} code {{ font-size: 1.05em }} p {{ margin: .2rem 0 }}
</style>
</head>
<body>
<h1>{chapter}</h1>
<p>{student}: <strong>{points:g} of {of:g} points</strong></p>
{note}<ul>
{marks}
</ul>
<p>Graded with fresh inputs, by the same checks as in the notebook. <code>hint("NAME", 1)</code> helps where you are stuck.</p>
</body>
</html>
"""


def page(student, result):
    """The feedback on one Result, as HTML that needs nothing else."""
    marks = "\n".join(
        f'<li class="{mark.verdict}"><p><code>{escape(mark.name)}</code> · {MARKS[mark.verdict]} · {mark.points:g} of {mark.of:g}</p>'
        f"<p>{escape(mark.said)}</p></li>" for mark in result.marks)
    note = f"<p>{escape(result.note)}</p>\n" if result.note else ""
    return PAGE.format(student=escape(student), chapter=escape(result.chapter or "No chapter of the book"), points=result.points, of=result.of, marks=marks, note=note)
