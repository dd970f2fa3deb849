export { checkCost, ExpressionProblem } from '../yaml/cel-limits.ts'
