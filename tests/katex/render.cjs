// Reads a JSON list of formulas and writes, for each, null or what is wrong with it.
const katex = require("katex");

const formulas = JSON.parse(require("fs").readFileSync(0, "utf8"));
const problem = (formula) => {
  try {
    katex.renderToString(formula, { displayMode: true, throwOnError: true, strict: "error" });
    return null;
  } catch (error) {
    return error.message;
  }
};
process.stdout.write(JSON.stringify(formulas.map(problem)));
