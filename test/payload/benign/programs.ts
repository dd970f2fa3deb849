/** What stands in editors, notebooks, snippets and pull requests: whole pieces of code, several lines each. */
export const SQL = [
  "SELECT «column», count(*) AS n\nFROM «table»\nWHERE «column» = '«noun»' AND «column» > «2»\nGROUP BY «column»\nORDER BY n DESC\nLIMIT «2»;",
  'CREATE TABLE «table» (\n  id serial PRIMARY KEY,\n  «column» text NOT NULL,\n  «column» timestamptz DEFAULT now()\n);\nCREATE INDEX ON «table» («column»);',
  "INSERT INTO «table» («column», «column») VALUES\n  ('«noun»', «2»),\n  ('«last»', «3»);\nUPDATE «table» SET «column» = '«noun»' WHERE id = «2»;",
  "-- «noun» per «noun»\nWITH recent AS (\n  SELECT * FROM «table» WHERE created_at > now() - interval '«1» days'\n)\nSELECT «column» FROM recent\nUNION ALL\nSELECT «column» FROM «table»;",
  'ALTER TABLE «table» ADD COLUMN «column» varchar(«2»);\nDROP INDEX IF EXISTS idx_«table»;\nDELETE FROM «table» WHERE «column» IS NULL;',
  "select t.«column», c.«column»\nfrom «table» t\njoin «table» c on c.id = t.«column»\nwhere t.«column» in ('«noun»', '«noun»')\n  and exists (select 1 from «table» where id = t.id);",
  'BEGIN;\nSELECT * FROM «table» WHERE id = «2» FOR UPDATE;\nUPDATE «table» SET total = total - «2» WHERE id = «2»;\nCOMMIT;',
  "SELECT CASE WHEN «column» > «2» THEN '«adjective»' ELSE '«noun»' END AS «identifier»\nFROM «table» -- all of them\nWHERE «column» LIKE '%«noun»%';",
]
export const JAVASCRIPT = [
  "import { «identifier» } from './«noun».js'\n\nexport function «verb»«Noun»(«identifier») {\n  if («identifier» === null || «identifier».length === 0) return []\n  return «identifier».map((each) => each.«column»)\n}\n",
  "const «identifier» = document.querySelector('#«noun»')\n«identifier».addEventListener('click', async () => {\n  const response = await fetch(`/api/«noun»/${«identifier».id}`)\n  alert(await response.text())\n})\n",
  "const express = require('express')\nconst fs = require('fs')\nconst app = express()\napp.get('/«noun»', (req, res) => {\n  res.json({ ok: true, «identifier»: req.query.«column» })\n})\napp.listen(3000)\n",
  'function App() {\n  const [«identifier», set«Noun»] = useState([])\n  return (\n    <div onClick={() => set«Noun»([])} className="«noun»">\n      {«identifier».length > 0 && <p>{`${«identifier».length} «noun»s`}</p>}\n    </div>\n  )\n}\n',
  "setTimeout(() => {\n  window.location = '/«noun»?from=' + encodeURIComponent(document.title)\n}, «4»)\nconsole.log(\"it's done\")\n",
  "class «Noun» extends Base {\n  constructor(«identifier») {\n    super()\n    this.«identifier» = «identifier»\n  }\n}\n«Noun».prototype.«verb» = function () {\n  return eval('1 + ' + this.«identifier»)\n}\n",
  "const { exec } = require('child_process')\n\nexec('«command»', (error, stdout) => {\n  if (error) throw error\n  console.log(stdout)\n})\n",
  "test('«verb»s the «noun»', () => {\n  const «identifier» = «verb»(\"<b>it's</b>\")\n  expect(«identifier»).toBe('&lt;b&gt;')\n  expect(1 || 2).toBe(1)\n})\n",
]
export const PHP = [
  '<?php\n\nnamespace App\\«Noun»;\n\nclass «Noun» {\n    public function «verb»(array $«identifier»): int {\n        return count($«identifier»);\n    }\n}\n',
  "<?php\nrequire 'vendor/autoload.php';\n$«identifier» = $_POST['«column»'] ?? '';\nif ($«identifier» !== '') {\n    echo htmlspecialchars($«identifier»);\n}\n",
  "<?php foreach ($«identifier» as $row): ?>\n  <li><?= htmlspecialchars($row['«column»']) ?></li>\n<?php endforeach; ?>\n",
  "<?php\n$pdo = new PDO('mysql:host=localhost;dbname=«table»', 'app', getenv('PASS'));\n$stmt = $pdo->prepare('SELECT * FROM «table» WHERE «column» = ?');\n$stmt->execute([$_GET['«column»']]);\n",
  "<?php\nRoute::get('/«noun»', function () {\n    return view('«noun»', ['«identifier»' => 1]);\n});\n",
  "<?php\nfunction «verb»_«noun»($«identifier») {\n    $json = file_get_contents('https://«domain»/«noun».json');\n    return json_decode($json, true);\n}\n",
]
export const SHELL = [
  '#!/bin/bash\nset -euo pipefail\n\nfor f in *.«noun»; do\n  echo "doing $f"\n  mv "$f" "done/$f"\ndone\n',
  '#!/bin/sh\n«command»\nif [ -f /etc/«noun».conf ]; then\n  . /etc/«noun».conf\nfi\ncurl -fsS https://«domain»/health | grep ok\n',
  'export NODE_ENV=production\ncd /srv/«noun» && git pull && npm ci\nsystemctl restart «noun»; sleep 5; systemctl status «noun»\n',
  '# backup\nDATE=$(date +%F)\ntar czf /backup/«noun»-$DATE.tgz /var/www/«noun»\nfind /backup -mtime +30 -delete\n',
  'docker run --rm -it -v "$PWD:/app" node:20 sh -c "npm ci && npm test"\necho `whoami`; id\n',
  "cat /etc/hosts | grep «noun» | awk '{print $2}'\nwget -O /tmp/«noun».tgz https://«domain»/«noun».tgz\nchmod +x /tmp/run.sh; /tmp/run.sh\n",
  'while true; do\n  ping -c 1 «domain» || echo down | mail -s "«noun»" «mail»\n  sleep 60\ndone\n',
  '«command»\n«command» && «command»\n«command» | tee out.log\n',
]
export const PYTHON = [
  "import os\nimport sys\n\ndef «verb»(«identifier»):\n    return [x for x in «identifier» if x != '«noun»']\n\nif __name__ == '__main__':\n    print(«verb»(sys.argv))\n",
  "from flask import Flask, render_template\napp = Flask(__name__)\n\n@app.route('/«noun»')\ndef «noun»():\n    return render_template('«noun».html', «identifier»=1)\n",
  "import subprocess\n\nsubprocess.run(['ls', '-la'], check=True)\nwith open('/etc/hostname') as f:\n    print(f.read())\n",
  "class «Noun»:\n    def __init__(self, «identifier»):\n        self.«identifier» = «identifier»\n\n    def __repr__(self):\n        return f'<{self.__class__.__name__} {self.«identifier»}>'\n",
  "import pandas as pd\ndf = pd.read_csv('«noun».csv')\ndf = df[(df.«column» > «2») & (df.«column» == '«noun»')]\nprint(df.groupby('«column»').sum())\n",
  'cursor.execute("SELECT «column» FROM «table» WHERE id = %s", («identifier»,))\nfor row in cursor.fetchall():\n    print(row)\n',
]
export const YAML = [
  'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: «noun»\nspec:\n  replicas: «1»\n  template:\n    spec:\n      containers:\n        - name: «noun»\n          command: ["sh", "-c", "«command» && exec node server.js"]\n',
  'name: «noun»\non: [push]\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      - run: |\n          npm ci\n          npm test -- --coverage\n      - run: echo "${{ secrets.«Noun» }}"\n',
  'services:\n  «noun»:\n    image: postgres:16\n    environment:\n      POSTGRES_PASSWORD: ${PASSWORD:-«noun»}\n    ports: ["127.0.0.1:5432:5432"]\n    healthcheck:\n      test: curl -f http://localhost:5432 || exit 1\n',
  '- hosts: all\n  tasks:\n    - name: «verb» «noun»\n      shell: "cat /etc/issue | head -1"\n      when: «identifier» is defined and «identifier» != ""\n    - debug: msg="{{ «identifier» }}"\n',
  'server:\n  port: ${PORT:8080}\nspring:\n  datasource:\n    url: jdbc:mysql://localhost:3306/«table»\n',
  'title: «adjective» «noun»\ndraft: false\ntags: [«noun», «noun»]\nurl: "../«noun»/"\n',
]
export const REGEX = [
  '^(?:[a-z0-9]+)(?:-[a-z0-9]+)*$',
  '\\b(select|insert|update|delete)\\b',
  '^\\/api\\/v\\d+\\/«noun»\\/(.*)$',
  '(?i)<(script|iframe)[^>]*>',
  "[^\\w\\s'-]+",
  '^(?=.*[A-Z])(?=.*\\d).{8,}$',
  '(«noun»|«noun»)\\s*=\\s*["\']([^"\']*)["\']',
  '\\$\\{([^}]+)\\}',
  '\\{\\{\\s*(\\w+)\\s*\\}\\}',
  '^\\d{1,3}(?:\\.\\d{1,3}){3}$',
  '/\\/\\*[\\s\\S]*?\\*\\//g',
  '(\\d+)\\s*--\\s*(\\d+)',
  "s/'/''/g",
  '^[^@\\s]+@[^@\\s]+$',
]
export const CSS = [
  '.«noun» > .«noun»::before {\n  content: "\\201C";\n  color: #«hex6»;\n}\n@media (max-width: «3»px) {\n  .«noun» { display: none; }\n}\n',
  'body{background:url(data:image/png;base64,«base64-60») no-repeat}\n.«noun»{width:calc(100% - «2»px)}\n',
  '@import url("https://«domain»/«noun».css");\n#«noun» a:hover{transition:all .«1»s ease-in-out;filter:alpha(opacity=50)}',
  '/* «noun» */ .«noun»{margin:0 auto;padding:«1»px}/*! keep */\n.«noun»[data-state="open"]{transform:translate(-50%,-50%)}',
  ':root{--«noun»:#«hex6»}.«noun»{color:var(--«noun»,#«hex6»);behavior:smooth}',
  '@font-face{font-family:"«Noun»";src:url("../fonts/«noun».woff2") format("woff2")}',
]
export const GRAPHQL_DOCUMENTS = [
  'query «Noun»($id: ID!) {\n  «noun»(id: $id) {\n    id\n    «column»\n    items(first: «2», orderBy: {field: CREATED, direction: DESC}) { edges { node { id title } } }\n  }\n}',
  'mutation {\n  update«Noun»(input: {id: "«5»", note: "it\'s «adjective»"}) { «noun» { id } errors { message } }\n}',
  'fragment «Noun»Fields on «Noun» { id name price { amount currency } }\nquery { «noun»s(where: {status: {eq: "open"}}) { ...«Noun»Fields } }',
  '{ search(query: "«adjective» «noun»", type: USER) { nodes { __typename ... on User { login } } } }',
  'subscription On«Noun» { «noun»Changed(id: "«uuid»") { id state } }',
  'query { a: «noun»(id: 1) { id } b: «noun»(id: 2) { id } viewer { login } }',
]
export const TEMPLATES = [
  'Dear {{first_name}},\n\nyour {{«noun»}} has shipped. {{#if express}}It arrives tomorrow.{{/if}}\n\nYours, {{company.name}}',
  'Hello ${user.name}, you have ${count} new ${count === 1 ? "message" : "messages"}.',
  '{% for item in «identifier» %}<li>{{ item.name|title }}: {{ item.price * item.quantity }}</li>{% endfor %}',
  '<% if («identifier».length) { %><b><%= «identifier»[0].name %></b><% } %>',
  'Use {{ «identifier» | default("«noun»") }} in your template; {% raw %}{{ x }}{% endraw %} prints braces.',
  '{{#each «identifier»}}\n  {{@index}}: {{this.name}}\n{{/each}}\n{{> footer}}',
  'Subject: [#{ticket.id}] #{ticket.title}',
  'Hi *|FNAME|*, save %DISCOUNT%% on [[«noun»]] until {date}',
  '{{ "now" | date: "%Y" }} {{ page.title | escape }}',
  '@if(count($«identifier») > 0) {{ $«identifier»->first()->name }} @endif',
  'const tpl = `<p>${«identifier».map(x => x.name).join(", ")}</p>`',
  '{{ config.title }} and {{ request.user }} are shown on the page',
]
