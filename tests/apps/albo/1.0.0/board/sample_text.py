"""Words and file names of the sample content."""
import unicodedata

OFFICES = ["Segreteria", "Ufficio Tecnico", "Polizia Locale", "Servizi Demografici", "Ragioneria", "Tributi",
           "Servizi Sociali", "Ufficio Elettorale", "Sportello Unico Attività Produttive", "Biblioteca Civica"]
ACTS = ["Deliberazione di Giunta", "Deliberazione di Consiglio", "Determinazione", "Ordinanza", "Decreto sindacale",
        "Pubblicazione di matrimonio", "Avviso pubblico", "Bando di gara", "Avviso di deposito", "Convocazione"]
MATTERS = ["approvazione del bilancio", "chiusura al traffico di via Roma", "manutenzione dell’acquedotto",
           "appalto della mensa scolastica", "variante al piano di governo del territorio", "nomina della commissione",
           "contributi alle associazioni", "sgombero neve", "concessione di loculi", "rinnovo del tesserino venatorio"]
PLACES = ["Malnate", "Cugliate-Fabiasco", "Sant'Angelo dei Lombardi", "Bolzano/Bozen", "San Dorligo della Valle-Dolina",
          "Forlì", "Montà", "Roè Volciano", "Weißenstein", "Reggio nell'Emilia", "L'Aquila", "Aÿ & Söhne <S.r.l.>"]
SENTENCES = ["Si rende noto che l’atto è depositato presso l’ufficio per quindici giorni.",
             "Chiunque vi abbia interesse può prenderne visione negli orari di apertura.",
             "Il responsabile del procedimento è il geom. D'Angelo; tel. 0332 000000.",
             "Contro il provvedimento è ammesso ricorso al T.A.R. entro 60 giorni.",
             "Importo a base d’asta: € 12.345,67 (oneri per la sicurezza < 5 %).",
             "Testo con caratteri \"delicati\": \\ | & ; <b>grassetto</b> %s {{ nome }} $HOME `id`.",
             "Ai sensi dell’art. 32 della legge 18 giugno 2009, n. 69."]

ACCENTS = "Perché no? Città di Cantù – così è.pdf"
ODD_NAMES = [
    "con spazi  doppi.pdf", " davanti.pdf", "dietro ", "virgolette \"doppie\".pdf", "apostrofo dell'atto.pdf",
    unicodedata.normalize("NFC", ACCENTS), unicodedata.normalize("NFD", ACCENTS),
    "Straße nach Weißenstein.pdf", "STRASSE NACH WEISSENSTEIN.PDF", "-rf", "--help", "-", "~root", ".nascosto", "...",
    "riga\nnuova.pdf", "\nprima", "tabulatore\tqui.pdf", "ritorno\rqui.txt", "campana\x07.txt", "\x1b[31mrosso.txt",
    "a" * 196 + ".pdf", "è" * 98 + ".pdf", "n" * 255, "emoji 🏛️ 👩‍⚖️.pdf", "🇮🇹",
    "Bolzano∕Bozen.pdf", "Bolzano - Bozen.pdf", "Bressanone\\Brixen.pdf", "San Dorligo della Valle-Dolina.pdf",
    "%2e%2e%2fetc%2fpasswd", "100%.pdf", "*.pdf", "[a-z]?.pdf", "$(touch x)`id`;&|.sh", "#ancora?chiave=valore&x.pdf",
    "ATTO.pdf", "atto.pdf", "punto.", "contabile\u202efdp.exe", "invisibile\u200b.pdf", "due: punti <tag>.pdf",
    "{{ nome }}.j2", "'; DROP TABLE notice; --.pdf", "CON", "lost+found", "NULL", "\\N",
]
KINDS = [("pdf", "application/pdf"), ("p7m", "application/pkcs7-mime"), ("txt", "text/plain"),
         ("html", "text/html"), ("svg", "image/svg+xml"), ("zip", "application/zip")]
