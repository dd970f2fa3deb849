import { NODE_PORT } from './origin.ts'

export const NGINX_PORT = 80
export const PROXY_PORT = 3128

/** One nginx: static answers and refusals on 80, a proxy in front of the Node server (and of nothing) on 3128. */
export function nginxConfig(folder: string): string {
  return `
worker_processes 1;
user root;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 256; }
http {
  log_format ledger '$connection_requests $remote_addr $remote_port $request_method $request_uri $status $body_bytes_sent';
  access_log ${folder}/access.log ledger;
  client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;
  uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  default_type text/plain;
  keepalive_timeout 60s;
  server {
    listen ${NGINX_PORT} default_server; listen [::]:${NGINX_PORT};
    server_name api.shop.test;
    client_max_body_size 8k;
    large_client_header_buffers 2 1k;
    location = /hello { return 200 "hello from nginx\\n"; }
    location = /empty { return 204; }
    location = /moved { return 301 http://www.shop.test/new; }
    location = /fail { return 500 "broken\\n"; }
    location = /zip { gzip on; gzip_min_length 1; gzip_types text/plain; return 200 "${'compress me '.repeat(100)}"; }
    location /v1/ { return 200 '{"id":1042,"state":"open"}'; }
    location /up/ { client_max_body_size 1m; proxy_pass http://127.0.0.1:${NODE_PORT}/; }
  }
  server {
    listen ${PROXY_PORT};
    server_name proxy.shop.test api.shop.test;
    location /dead/ { proxy_pass http://127.0.0.1:9; }
    location /slow/ { proxy_read_timeout 1s; proxy_pass http://127.0.0.1:${NODE_PORT}; }
    location / { proxy_pass http://127.0.0.1:${NODE_PORT}; }
  }
}
`
}
