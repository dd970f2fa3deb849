export function checkQuery(sql: string, _database: string): string {
  return sql.trim()
}
