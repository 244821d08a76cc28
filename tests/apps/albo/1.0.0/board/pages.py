"""The pages. Every value goes through `e`; the markup is well-formed XML too, so that a test can parse it."""
import html
import re

from . import RELEASE

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")


def e(value):
    # Characters that no HTML document may hold, not even escaped, become a visible replacement.
    return html.escape(CONTROL.sub("\ufffd", str(value)))


def day(date):
    return f'<time datetime="{date.isoformat()}">{date:%d/%m/%Y}</time>'


def number(notice):
    return f"{notice.number}/{notice.year}"


def page(name, title, main):
    return f"""<!DOCTYPE html>
<html lang="it">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>{e(title)} – {e(name)}</title>
<link rel="stylesheet" href="/style.css" />
</head>
<body>
<a class="skip" href="#contenuto">Vai al contenuto</a>
<header><p><a href="/">Albo pretorio – {e(name)}</a></p></header>
<main id="contenuto" tabindex="-1">
<h1>{e(title)}</h1>
{main}</main>
<footer><p>Albo pretorio, versione {e(RELEASE)}</p></footer>
</body>
</html>
""".encode()


def listing(name, notices, at, pages):
    if not notices:
        return page(name, "Albo pretorio", "<p>Nessun avviso in pubblicazione.</p>\n")
    rows = "".join(
        f'<tr><th scope="row"><a href="/notices/{n.id}">{e(number(n))}</a></th><td>{e(n.subject)}</td>'
        f"<td>{e(n.office)}</td><td>{day(n.published_from)}</td><td>{day(n.published_to)}</td></tr>\n" for n in notices)
    return page(name, "Albo pretorio" if at == 1 else f"Albo pretorio, pagina {at}", f"""<table>
<caption>Avvisi in pubblicazione, pagina {at} di {pages}</caption>
<thead><tr><th scope="col">Numero</th><th scope="col">Oggetto</th><th scope="col">Ufficio</th>\
<th scope="col">Dal</th><th scope="col">Al</th></tr></thead>
<tbody>
{rows}</tbody>
</table>
{pagination(at, pages)}""")


def pagination(at, pages):
    links = []
    if at > 1:
        links.append(f'<li><a rel="prev" href="/?page={at - 1}">Pagina precedente</a></li>')
    links.append(f'<li><span aria-current="page">Pagina {at} di {pages}</span></li>')
    if at < pages:
        links.append(f'<li><a rel="next" href="/?page={at + 1}">Pagina successiva</a></li>')
    return f'<nav aria-label="Pagine"><ul>{"".join(links)}</ul></nav>\n'


def notice(name, n, attachments, on_board):
    paragraphs = "".join(f"<p>{e(part)}</p>\n" for part in n.body.split("\n") if part.strip())
    ended = "" if on_board else "<p><strong>Questo avviso non è in pubblicazione oggi.</strong></p>\n"
    files = "".join(
        f'<li><a href="/notices/{n.id}/attachments/{a.ordinal}">{e(a.name)}</a> ({e(a.media_type)}, {a.size} byte)</li>\n'
        for a in attachments)
    if files:
        files = f'<h2>Allegati</h2>\n<ul>\n{files}</ul>\n'
    return page(name, f"Avviso n. {number(n)}", f"""{ended}<p class="subject">{e(n.subject)}</p>
<dl>
<dt>Ufficio</dt><dd>{e(n.office)}</dd>
<dt>In pubblicazione</dt><dd>dal {day(n.published_from)} al {day(n.published_to)}</dd>
</dl>
{paragraphs}{files}""")


def failure(name, status, message):
    return page(name, f"Errore {status}", f'<p>{e(message)}</p>\n<p><a href="/">Torna all’albo</a></p>\n')
