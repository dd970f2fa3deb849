/**
 * What answers give away, from the manuals and the default error pages of each product. In pairs of one language or product: the first is for
 * tuning, the second for reporting.
 */
type Seeds = readonly (readonly [name: string, text: string])[]

export const STACKS: Seeds = [
  [
    'python',
    'Traceback (most recent call last):\n  File "/srv/app/views.py", line 41, in get\n    order = Order.find(key)\nKeyError: \'id\'',
  ],
  [
    'python',
    'Traceback (most recent call last):\n  File "/usr/lib/python3/dist-packages/flask/app.py", line 2525, in wsgi_app\n    response = self.full_dispatch_request()\nZeroDivisionError: division by zero',
  ],
  [
    'java',
    'java.lang.NullPointerException: Cannot invoke "String.length()"\n\tat com.acme.shop.Cart.total(Cart.java:88)\n\tat java.base/java.lang.Thread.run(Thread.java:833)',
  ],
  [
    'java',
    'org.springframework.web.util.NestedServletException: Request processing failed\n\tat org.springframework.web.servlet.FrameworkServlet.processRequest(FrameworkServlet.java:1014)\nCaused by: java.lang.IllegalStateException',
  ],
  [
    'kotlin',
    'kotlin.UninitializedPropertyAccessException: lateinit property db has not been initialized\n\tat com.acme.api.OrdersKt.find(Orders.kt:31)\n\tat io.ktor.server.routing.Routing.executeResult(Routing.kt:190)',
  ],
  [
    'kotlin',
    'Exception in thread "main" kotlin.NotImplementedError: An operation is not implemented.\n\tat com.acme.MainKt.run(Main.kt:12)\n\tat com.acme.MainKt.main(Main.kt:7)',
  ],
  [
    'node',
    "TypeError: Cannot read properties of undefined (reading 'id')\n    at getOrder (/app/src/orders.js:17:23)\n    at Layer.handle [as handle_request] (/app/node_modules/express/lib/router/layer.js:95:5)",
  ],
  [
    'node',
    'ReferenceError: db is not defined\n    at file:///srv/api/routes/users.mjs:9:3\n    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)',
  ],
  [
    'dotnet',
    'System.NullReferenceException: Object reference not set to an instance of an object.\n   at Shop.Controllers.OrdersController.Get(Int32 id) in C:\\src\\Shop\\Controllers\\OrdersController.cs:line 44',
  ],
  [
    'dotnet',
    'Microsoft.AspNetCore.Http.BadHttpRequestException: Unexpected end of request content.\n   at Acme.Api.Startup.<>c__DisplayClass4_0.<Configure>b__1(HttpContext context) in /src/Api/Startup.cs:line 61',
  ],
  [
    'php',
    'PHP Fatal error:  Uncaught Error: Call to undefined function total() in /var/www/html/cart.php:12\nStack trace:\n#0 /var/www/html/index.php(31): require()\n#1 {main}\n  thrown in /var/www/html/cart.php on line 12',
  ],
  [
    'php',
    '<br />\n<b>Warning</b>:  Undefined variable $user in <b>/home/shop/public_html/profile.php</b> on line <b>27</b><br />',
  ],
  [
    'go',
    'panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation]\n\ngoroutine 34 [running]:\nmain.(*Server).order(0x0)\n\t/src/server.go:71 +0x1d',
  ],
  [
    'go',
    'http: panic serving 10.0.0.9:51210: index out of range [3] with length 2\ngoroutine 118 [running]:\nnet/http.(*conn).serve.func1()\n\t/usr/local/go/src/net/http/server.go:1868 +0xb9',
  ],
  [
    'ruby',
    "NoMethodError (undefined method `name' for nil:NilClass):\napp/controllers/orders_controller.rb:14:in `show'\nactionpack (7.0.4) lib/action_controller/metal/basic_implicit_render.rb:6:in `send_action'",
  ],
  [
    'ruby',
    "/srv/app/lib/cart.rb:33:in 'Cart#total': undefined local variable or method 'tax' (NameError)\n\tfrom /srv/app/app.rb:9:in 'block in <class:App>'",
  ],
  [
    'rust',
    "thread 'main' panicked at 'called `Result::unwrap()` on an `Err` value: NotFound', src/orders.rs:42:10\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
  ],
  [
    'rust',
    "thread 'tokio-runtime-worker' panicked at src/main.rs:118:37:\nindex out of bounds: the len is 3 but the index is 7\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/9fc6b431/library/std/src/panicking.rs:597:5",
  ],
  [
    'elixir',
    '** (KeyError) key :id not found in: %{}\n    (shop 0.1.0) lib/shop_web/controllers/order_controller.ex:12: ShopWeb.OrderController.show/2\n    (phoenix 1.7.2) lib/phoenix/router.ex:430: Phoenix.Router.__call__/5',
  ],
  [
    'elixir',
    '** (UndefinedFunctionError) function nil.name/0 is undefined\n    nil.name()\n    (api 1.2.0) lib/api/user.ex:44: Api.User.display/1',
  ],
  ['perl', 'Can\'t locate object method "total" via package "Cart" at /var/www/cgi-bin/cart.pl line 31.'],
  [
    'perl',
    'Software error:\nUse of uninitialized value $id in concatenation (.) or string at /usr/lib/cgi-bin/order.cgi line 58.',
  ],
  [
    'scala',
    'scala.MatchError: None (of class scala.None$)\n\tat controllers.Orders.$anonfun$show$1(Orders.scala:27)\n\tat play.api.mvc.ActionBuilder$$anon$9.apply(Action.scala:379)',
  ],
  [
    'scala',
    'java.util.NoSuchElementException: None.get\n\tat scala.None$.get(Option.scala:627)\n\tat com.acme.Api$.$anonfun$route$4(Api.scala:52)',
  ],
]

export const SQL_ERRORS: Seeds = [
  [
    'mysql',
    "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use near ''7''' at line 1",
  ],
  ['mysql', "ERROR 1064 (42000): You have an error in your SQL syntax near 'ORDER BY id' at line 3"],
  [
    'mariadb',
    'SQLSTATE[42000]: Syntax error or access violation: 1064 check the manual that corresponds to your MariaDB server version',
  ],
  ['mariadb', "(1054, \"Unknown column 'pasword' in 'where clause'\")"],
  ['postgresql', 'ERROR:  syntax error at or near "7"\nLINE 1: SELECT * FROM orders WHERE id = \'\'7'],
  ['postgresql', 'org.postgresql.util.PSQLException: ERROR: column "pasword" does not exist'],
  ['oracle', 'ORA-01756: quoted string not properly terminated'],
  ['oracle', 'ORA-00933: SQL command not properly ended'],
  ['sqlserver', "Unclosed quotation mark after the character string '7'."],
  [
    'sqlserver',
    "Microsoft OLE DB Provider for SQL Server error '80040e14'\nIncorrect syntax near the keyword 'WHERE'.",
  ],
  ['sqlite', 'sqlite3.OperationalError: near "7": syntax error'],
  ['sqlite', 'SQLITE_ERROR: unrecognized token: "\'7"'],
  ['db2', 'DB2 SQL Error: SQLCODE=-104, SQLSTATE=42601, SQLERRMC=;END-OF-STATEMENT'],
  [
    'db2',
    '[IBM][CLI Driver][DB2/LINUXX8664] SQL0104N  An unexpected token "\'" was found following "id = ".  SQLSTATE=42601',
  ],
  ['mongodb', 'MongoServerError: unknown operator: $foo'],
  [
    'mongodb',
    'MongoError: E11000 duplicate key error collection: shop.users index: email_1 dup key: { email: "a@b.test" }',
  ],
  ['sybase', "Sybase message: Incorrect syntax near '7'."],
  ['sybase', "com.sybase.jdbc4.jdbc.SybSQLException: Invalid column name 'pasword'."],
  ['informix', 'com.informix.jdbc.IfxException: A syntax error has occurred.'],
  ['informix', '[Informix][Informix ODBC Driver][Informix]A syntax error has occurred.'],
  ['firebird', 'Dynamic SQL Error SQL error code = -104 Token unknown - line 1, column 41'],
  ['firebird', 'isc_dsql_prepare error: Dynamic SQL Error, SQL error code = -206, Column unknown'],
  ['clickhouse', "Code: 62. DB::Exception: Syntax error: failed at position 41 ('''): '. Expected one of: token"],
  ['clickhouse', "Code: 47. DB::Exception: Missing columns: 'pasword' while processing query (UNKNOWN_IDENTIFIER)"],
  ['access', '[Microsoft][ODBC Microsoft Access Driver] Syntax error (missing operator) in query expression'],
  ['access', "Microsoft JET Database Engine error '80040e14' Syntax error in string in query expression 'id=7''."],
  ['hibernate', 'org.hibernate.exception.SQLGrammarException: could not extract ResultSet'],
  ['hibernate', "org.hibernate.hql.internal.ast.QuerySyntaxException: unexpected token: ' near line 1, column 54"],
  ['rails', 'ActiveRecord::StatementInvalid (PG::SyntaxError: ERROR:  syntax error at or near "\'")'],
  ['rails', "ActiveRecord::StatementInvalid: Mysql2::Error: Unknown column 'x' in 'where clause'"],
  [
    'prisma',
    'PrismaClientKnownRequestError: \nInvalid `prisma.order.findMany()` invocation:\nRaw query failed. Code: `42601`.',
  ],
  [
    'prisma',
    'PrismaClientUnknownRequestError: Error occurred during query execution: ConnectorError(ConnectorError { kind: QueryError(SqliteError) })',
  ],
]

export const SOURCES: Seeds = [
  ['php', "<?php\nrequire 'config.php';\n$db = new PDO($dsn, 'shop', 'secret');\n?>"],
  ['php', '<html><?= $title ?><?php include "menu.inc"; ?></html>'],
  ['environment', 'APP_ENV=production\nDB_PASSWORD=s3cret\nMAIL_HOST=mail.test\n'],
  ['environment', 'NODE_ENV=production\nDATABASE_URL=postgres://x\nSECRET_KEY=abc123\n'],
  ['git', '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n[remote "origin"]\n'],
  ['git', '[core]\n\trepositoryformatversion = 1\n\tbare = false\n'],
  ['script', '#!/bin/bash\nset -e\ncurl -u admin:hunter2 http://backup.test/\n'],
  ['script', '#!/usr/bin/env python3\nimport os\nprint(os.environ)\n'],
  [
    'jsp',
    '<%@ page language="java" contentType="text/html" %>\n<%@ page import="java.sql.*" %>\n<% Connection c = DriverManager.getConnection(url); %>',
  ],
  ['jsp', '<%@ page import="java.util.*,com.acme.db.*" %>\n<%! private int n = 0; %>\n<%= new Date() %>'],
  ['asp', '<%@ Page Language="C#" AutoEventWireup="true" CodeFile="Default.aspx.cs" Inherits="_Default" %>'],
  ['asp', '<%@ Language=VBScript %>\n<% Set conn = Server.CreateObject("ADODB.Connection") %>'],
  [
    'web.config',
    '<?xml version="1.0"?>\n<configuration>\n  <connectionStrings>\n    <add name="db" connectionString="Server=db;Password=x" />',
  ],
  [
    'web.config',
    '<web-app xmlns="http://java.sun.com/xml/ns/javaee" version="3.0">\n  <servlet><servlet-name>a</servlet-name>',
  ],
]

/** What a file read, or a program run, for a caller looks like in the answer. */
export const PROOFS: Seeds = [
  ['passwd', 'root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n'],
  [
    'passwd',
    'nobody:*:-2:-2:Unprivileged User:/var/empty:/usr/bin/false\nroot:*:0:0:System Administrator:/var/root:/bin/sh\n',
  ],
  ['shadow', 'root:$6$Qw3rT$abcdefghijklmnop.qrstuv:19000:0:99999:7:::\n'],
  ['shadow', 'root:!:19500:0:99999:7:::\ndaemon:*:19500:0:99999:7:::\n'],
  ['win.ini', '; for 16-bit app support\n[fonts]\n[extensions]\n'],
  ['win.ini', '[boot loader]\ntimeout=30\ndefault=multi(0)disk(0)\n'],
  ['id', 'uid=0(root) gid=0(root) groups=0(root)'],
  ['id', 'uid=33(www-data) gid=33(www-data) groups=33(www-data),4(adm)'],
  ['whoami', 'nt authority\\system'],
  ['whoami', 'iis apppool\\defaultapppool'],
  [
    'dir',
    ' Volume in drive C has no label.\n Volume Serial Number is 3A1F-77C2\n\n Directory of C:\\inetpub\\wwwroot\n',
  ],
  ['dir', ' Volume Serial Number is 9C0E-1B2D\n\n Directory of C:\\Windows\\System32\n'],
  [
    'ls',
    'total 48\ndrwxr-xr-x 5 www-data www-data 4096 Nov  3 10:11 .\n-rw-r--r-- 1 root root 1203 Nov  3 10:11 config.php\n',
  ],
  [
    'ls',
    'total 12\n-rw-r--r-- 1 root root  220 Jan  6  2022 .bash_logout\ndrwx------ 2 root root 4096 Jan  6  2022 .ssh\n',
  ],
  ['uname', 'Linux web-1 5.15.0-91-generic #101-Ubuntu SMP Tue Nov 14 13:30:08 UTC 2023 x86_64 GNU/Linux'],
  ['uname', 'Linux ip-10-0-0-7 6.1.0-18-cloud-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 x86_64 GNU/Linux'],
  [
    'metadata',
    '{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIAQWERTYUIOPASDFGH","SecretAccessKey":"x","Token":"y"}',
  ],
  [
    'metadata',
    '{\n  "Code" : "Success",\n  "LastUpdated" : "2026-11-20T08:00:00Z",\n  "Type" : "AWS-HMAC",\n  "AccessKeyId" : "ASIA2QWERTYUIOPASDFG"',
  ],
]

export const LISTINGS: Seeds = [
  [
    'apache',
    '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">\n<html><head><title>Index of /backup</title></head><body><h1>Index of /backup</h1>',
  ],
  [
    'apache',
    '<html>\n <head>\n  <title>Index of /</title>\n </head>\n <body>\n<h1>Index of /</h1>\n<ul><li><a href="old/"> old/</a></li>',
  ],
  [
    'nginx',
    '<html>\r\n<head><title>Index of /files/</title></head>\r\n<body>\r\n<h1>Index of /files/</h1><hr><pre><a href="../">../</a>',
  ],
  [
    'nginx',
    '<html><head><title>Index of /static/logs/</title></head><body bgcolor="white"><h1>Index of /static/logs/</h1><hr><pre>',
  ],
  [
    'iis',
    '<html><head><title>shop.test - /backup/</title></head><body><H1>shop.test - /backup/</H1><hr><pre><A HREF="/">[To Parent Directory]</A><br>',
  ],
  [
    'iis',
    '<pre><A HREF="/logs/">[To Parent Directory]</A><br><br>11/3/2026 10:11 AM 1203 <A HREF="/logs/a.txt">a.txt</A>',
  ],
  ['python', '<!DOCTYPE HTML>\n<html lang="en">\n<head>\n<title>Directory listing for /</title>'],
  [
    'python',
    '<head>\n<meta charset="utf-8">\n<title>Directory listing for /data/</title>\n</head>\n<body>\n<h1>Directory listing for /data/</h1>',
  ],
  [
    'bucket',
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>backups</Name>',
  ],
  ['bucket', '<ListBucketResult xmlns="http://doc.s3.amazonaws.com/2006-03-01"><Name>media</Name><Prefix/>'],
  [
    'azure',
    '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://x.blob.core.windows.net/" ContainerName="docs"><Blobs>',
  ],
  [
    'azure',
    '<EnumerationResults ContainerName="https://y.blob.core.windows.net/backup"><Blobs><Blob><Name>db.bak</Name>',
  ],
  ['tomcat', '<html><head><title>Directory Listing For [/docs/]</title>'],
  ['tomcat', '<title>Directory Listing For [/] - Up To [/]</title>'],
  [
    'jetty',
    '<!DOCTYPE html>\n<html lang="en"><head><title>Directory: /static/</title>\n<link href="jetty-dir.css" rel="stylesheet" />',
  ],
  [
    'jetty',
    '<HTML><HEAD><LINK HREF="jetty-dir.css" REL="stylesheet" TYPE="text/css"/><TITLE>Directory: /</TITLE></HEAD>',
  ],
]

/** Put together, so that no scanner of repositories takes them for real. */
const made = (prefix: string, alphabet: string, length: number) =>
  prefix + Array.from({ length }, (_, i) => alphabet[(i * 7 + prefix.length) % alphabet.length]).join('')
const UPPER = 'QWERTYUIOPASDFGHJKLZXCVBNM234567'
const MIXED = 'aB3dE5gH7jK9mN2pQ4rS6tU8vW0xYz'
const DASHES = '-'.repeat(5)

export const SECRETS: Seeds = [
  ['private key', `${DASHES}BEGIN RSA PRIVATE KEY${DASHES}\n${made('MIIE', MIXED, 60)}\n`],
  ['private key', `${DASHES}BEGIN OPENSSH PRIVATE KEY${DASHES}\n${made('b3Bl', MIXED, 60)}\n`],
  ['aws', `key ${made('AKIA', UPPER, 16)} secret ${made('', MIXED, 40)}`],
  ['aws', `"accessKeyId": "${made('ASIA', UPPER, 16)}"`],
  ['github', `token=${made('ghp_', MIXED, 36)}`],
  ['github', `pat: ${made('github_pat_', MIXED, 60)}`],
  ['gitlab', `GL_TOKEN ${made('glpat-', MIXED, 20)}`],
  ['gitlab', `https://oauth2:${made('glpat-', MIXED, 20)}@gitlab.test/a/b.git`],
  ['slack', `bot ${made('xoxb-', '0123456789', 12)}-${made('', MIXED, 24)}`],
  ['slack', `user ${made('xoxp-', '9876543210', 11)}-${made('', MIXED, 32)}`],
  ['stripe', made('sk_live_', MIXED, 24)],
  ['stripe', made('rk_live_', MIXED, 32)],
  ['google', `key=${made('AIza', MIXED, 35)}`],
  ['google', `{"apiKey":"${made('AIza', MIXED, 35)}"}`],
  ['sendgrid', `${made('SG.', MIXED, 22)}.${made('', MIXED, 43)}`],
  ['sendgrid', `mail ${made('SG.', MIXED, 22)}.${made('-', MIXED, 42)}`],
  ['npm', `//registry.test/:_authToken=${made('npm_', MIXED, 36)}`],
  ['npm', made('npm_', MIXED, 36)],
  ['database address', 'postgres://shop:hunter2@db.test:5432/shop'],
  ['database address', 'mongodb+srv://app:s3cret@cluster0.test/orders'],
  ['shopify', made('shpat_', '0123456789abcdef', 32)],
  ['shopify', `X-Shopify-Access-Token: ${made('shpat_', 'fedcba9876543210', 32)}`],
  ['digitalocean', made('dop_v1_', '0123456789abcdef', 64)],
  ['digitalocean', `DO=${made('dop_v1_', 'fedcba9876543210', 64)}`],
]
