import io
import json

ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def array(values):
    quoted = ["NULL" if v is None else '"' + str(v).replace("\\", "\\\\").replace('"', '\\"') + '"' for v in values]
    return "{" + ",".join(quoted) + "}"


def field(value):
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        value = "\\x" + value.hex()
    elif isinstance(value, list):
        value = array(value)
    elif isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    return str(value).translate(ESCAPES)


def copy(cursor, table, columns, rows):
    text = io.StringIO()
    for row in rows:
        text.write("\t".join(map(field, row)) + "\n")
    text.seek(0)
    cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN", text)
