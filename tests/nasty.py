"""Texts that Markdown, HTML, LaTeX, spreadsheets or Python would take for something else."""

NASTY = (
    # Markdown
    "**bold** and __bold__",
    "*emphasis* and _emphasis_",
    "a*b*c snake_case_name 2 * 3 * 4",
    "~~deleted~~ and ~one~",
    "`code` and ``more ` code``",
    "```\nfenced\n```",
    "    indented code",
    "\tindented by a tab",
    "# heading",
    "heading\n=======",
    "heading\n---",
    "> quotation",
    "- item",
    "+ item",
    "* item",
    "1. item",
    "2) item",
    "- [x] task",
    "***",
    "---",
    "| a | b |\n| - | - |\n| 1 | 2 |",
    "two\n\nparagraphs",
    "break  \nbreak\\\nend",
    "  spaces   around  ",
    "back\\slash \\* \\\\ end\\",
    # links and images
    "[link](http://127.0.0.1:9/x)",
    "[a](javascript:alert(1))",
    "![picture](http://127.0.0.1:9/x.png)",
    "[reference][1]\n\n[1]: http://127.0.0.1:9/x",
    "![][1] [1]: /x",
    "<http://127.0.0.1:9/x>",
    "http://127.0.0.1:9/x and https://example.org/?a=b_c_d",
    "see www.example.org or WWW.Example.Org.",
    "mail someone@example.org or mailto:someone@example.org",
    "xmpp:someone@example.org/x ftp://example.org",
    "note[^1]\n\n[^1]: footnote",
    # HTML
    "<b>bold</b><img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "<!-- comment --> <?php ?> <![CDATA[x]]>",
    "&lt;b&gt; &amp; &#42; &#x2A; &copy; &nbsp;",
    '"double" \'single\' onload="x"',
    # LaTeX
    "$x$ and $$\\rule{9000px}{9000px}$$",
    "price $5 to $10",
    "$$\nx\n$$",
    # what Streamlit adds
    ":red[red] :blue-background[blue] :rainbow[all]",
    ":smile: :+1: :-1: :heart:",
    ":material/home: and :material_home:",
    ":streamlit: :help[] :shimmer[x]",
    ":small[:gray[small]] :green-badge[badge]",
    ":color[x]{foreground=red background=blue}",
    "::leaf[x]{a=b}",
    ":::container\nx\n:::",
    "a -> b <- c <-> d -- e >= f <= g ~= h",
    "-> <- <-> -- >= <= ~=",
    "->-> --- ==> <=> >>=",
    "12:30:45 a:b:c :: :",
    ":)",
    # spreadsheets
    "=1+1",
    "+1",
    "-1+1",
    "@SUM(1)",
    "\r=1+1",
    '=HYPERLINK("http://127.0.0.1:9/"&A1,"x")',
    # Python and files
    "'''\nimport os\n\"\"\"",
    "a\nimport os  # b",
    "{x!r} %s %(name)s \\N{BULLET}",
    "x: null, y: true, z: false",
    "../../etc/passwd",
    "a\r\nSet-Cookie: x=y",
    "line\u2028separator\u2029paragraph\u0085next",
    "zero\u200bwidth \u202eright to left\u202c",
    "émoji 😀 日本語 ﷽",
    "w" * 200,
    "",
    " ",
)


def shown(text: str) -> str:
    """Return the text that a page is to contain for a text: control characters have no shape."""
    return "".join(
        "\ufffd" if (ord(c) < 32 and c not in "\t\n\f\r") or 127 <= ord(c) < 160 else c
        for c in text
    )
