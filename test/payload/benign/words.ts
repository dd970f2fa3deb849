/** Word lists of the benign corpus; entries at even places are for tuning, at odd ones for reporting. */
const list = (text: string) => text.split('|')

export const FIRST = list(
  "Anna|Séan|D'Arcy|Miguel|Björn|Zoë|Ta'Shawn|Ngozi|Oksana|Jean-Luc|Mary-Ann|Li|Kwame|Ayşe|De'Andre|Ioana|Hiroshi|Chloé|L'Oréal|Petra|Niall|Renée|Omar|Ji-woo|Łukasz|Fatima|Dev|Select|Drop|Alter|Noor|Grant|Case|Echo|Cat|Will",
)
export const LAST = list(
  "O'Brien|D'Angelo|O'Neill|Müller|N'Diaye|M'Bappé|Smith & Sons|O'Reilly-Jones|van 't Hoff|Select|Null|Union|Al-Sayed|Dell'Acqua|St. John|in 't Veld|García|Ng'ang'a|Tan|L'Hôpital|Or|Kovač|And|Where|T'Pol|Santos|Ó Súilleabháin|Table|Fernández|O’Connor|Schmidt|MacDonald",
)
export const NOUN = list(
  'table|union|set|order|group|view|index|trigger|script|image|shell|command|system|process|window|document|object|frame|form|style|link|base|source|target|host|server|client|key|value|price|delay|sleep|database|schema|column|row|header|footer|cookie|token|session|file|folder|path|root|user|admin|bird|kettle|lamp|garden|river|paper|ticket|meeting|report|invoice|parcel|engine|bicycle|recipe|camera|password|backup|cat|tail|head|pipe|filter|constructor|prototype|import|export|function|class|event|load|error|alert|prompt|include|template|variable|expression|query',
)
export const ADJECTIVE = list(
  'distinct|full|left|right|inner|outer|cross|natural|like|unique|primary|temporary|external|blue|quick|lazy|old|new|broken|slow|cheap|heavy|wooden|late|early|simple|private|public|static|final|true|false|null|empty|default|current|global|local|native|binary',
)
export const VERB = list(
  'select|insert|update|delete|drop|create|alter|execute|declare|merge|replace|call|grant|revoke|open|close|read|write|print|echo|find|sort|cut|kill|sleep|wait|test|move|copy|touch|make|load|import|require|include|eval|fetch|alert|confirm|prompt|submit|focus|change|return|exit|join|order|group|limit|run|start|stop|clean',
)
export const CITY = list(
  "L'Aquila|St. John's|Coeur d'Alene|Martha's Vineyard|'s-Hertogenbosch|Xi'an|Truth or Consequences|Saint-Étienne|Oranjestad|King's Lynn|Land O'Lakes|Villers-lès-Nancy|Dun Laoghaire|München|Val-d'Or|São Paulo|N'Djamena|Berlin|Ho Chi Minh|Kraków",
)
export const DOMAIN = list(
  'example.com|shop.example|mail.example.org|static.example.net|northwind.example|contoso.example|acme.example|docs.example.org|api.example.com|cdn.example.net|blog.example.com|example.co.uk',
)
export const TABLE = list(
  'orders|customers|order_items|products|invoices|payments|shipments|events|accounts|sessions|audit_log|employees|departments|carts|reviews|tickets|users|roles',
)
export const COLUMN = list(
  'id|name|created_at|customer_id|total|status|email|quantity|price|updated_at|country|department|salary|amount|title|sku|region|owner_id',
)
export const IDENTIFIER = list(
  'items|result|total|index|user|count|buffer|config|options|value|response|request|callback|handler|node|list|data|state|props|event|key|rows',
)
export const PRODUCT = list(
  "12\" vinyl record|5' garden hose|USB-C <-> HDMI cable|Drop & Table kit|1/2\" drill bit|T-shirt (M)|C# in Depth|Ben & Jerry's|2x4\" timber|R&D notebook|M&M's 500g|3.5\" floppy|Levi's 501|50% off coat|\"Classic\" lamp|A4 paper; white|AT&T phone|Kiehl's cream|Men's shoes #42|O'Neill jacket",
)
export const COMPANY = list(
  "Johnson & Johnson|Barnes & Noble|McDonald's|Smith, Jones & Co.|Yahoo!|Toys \"R\" Us|AT&T; mobility|Procter & Gamble|Sotheby's (London)|H&M|L'Oréal|Marks & Spencer|Moody's|S&P Global|Dunkin' Donuts|Select Comfort|Union Pacific|Group 1 Automotive|Drop Inc.|Exec Air",
)
export const FILE = list(
  "report (1).pdf|année_2026.xlsx|../shared/notes.md|C:\\Users\\anna\\Documents\\plan.docx|~/projects/readme.txt|./src/index.ts|/home/anna/photos/cat.png|D:\\data\\q3;final.csv|img_2041.jpeg|backup..old.tar.gz|node_modules/left-pad/index.js|\\\\fileserver\\team\\budget.xlsx|O'Brien - offer.pdf|a&b.txt|résumé.doc|invoice #42.pdf|/var/www/uploads/logo.svg|config.yaml.bak|100% done.txt|dist/app.min.js",
)
export const COMMAND = list(
  'npm install|git status|docker compose up|ls -la|kubectl get pods|cat notes.txt|grep -r TODO src|make test|pip install requests|curl https://example.com/health|tail -f app.log|ssh deploy@host|chmod +x run.sh|echo $PATH|ps aux|sudo apt update|find . -name "*.ts"|systemctl restart app|wget https://example.org/file.zip|rm -rf node_modules|ping example.com|whoami|sleep 5|python3 -m venv .venv',
)
export const PACKAGE = list(
  'requests|lodash|numpy|express|pandas|react|left-pad|django|flask|fastify|jinja2|webpack|sqlalchemy|zod|rails|vitest',
)
