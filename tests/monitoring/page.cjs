// The looking part of tests/monitoring/page.
const fs = require("node:fs");
const path = require("node:path");
const puppeteer = require("puppeteer-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const SCREENS = { wide: { width: 1440, height: 900 }, narrow: { width: 360, height: 740 } };
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

async function look(browser, file, size, shot) {
  const page = await browser.newPage();
  const wrong = [];
  page.on("console", (said) => ["error", "warning"].includes(said.type()) && wrong.push(`console: ${said.text()}`));
  page.on("pageerror", (error) => wrong.push(`script: ${error.message}`));
  page.on("request", (asked) => !/^(file|data):/.test(asked.url()) && wrong.push(`asks for ${asked.url()}`));
  // The page's own policy lets nothing run, axe neither.
  await page.setBypassCSP(true);
  await page.setViewport(size);
  await page.goto(`file://${path.resolve(file)}`, { waitUntil: "load" });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (overflow > 0) wrong.push(`it is ${overflow} pixels wider than the screen`);
  await page.evaluate(axe);
  const found = await page.evaluate((tags) => globalThis.axe.run(document, { runOnly: tags }), TAGS);
  for (const violation of found.violations) {
    const where = violation.nodes.slice(0, 3).map((node) => node.target.join(" ")).join(", ");
    wrong.push(`axe ${violation.impact} ${violation.id}: ${violation.help} (${violation.nodes.length}: ${where})`);
  }
  if (shot) {
    await page.screenshot({ path: `${shot}.png`, fullPage: true });
    if (size === SCREENS.wide) await page.pdf({ path: `${shot}.pdf`, preferCSSPageSize: true, printBackground: true });
  }
  await page.close();
  return { wrong, rules: found.passes.length };
}

(async () => {
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  let bad = 0;
  try {
    for (const file of process.argv.slice(2)) {
      for (const [name, size] of Object.entries(SCREENS)) {
        const shot = path.join(process.env.KEEP, `${path.basename(file, ".html")}-${name}`);
        const { wrong, rules } = await look(browser, file, size, shot);
        wrong.forEach((what) => console.error(`${file}, ${name}: ${what}`));
        bad += wrong.length;
        console.log(`${file}, ${name}: ${rules} rules of axe passed, ${wrong.length} wrong`);
      }
    }
    // What finds nothing on a bad page would prove nothing.
    const spoilt = path.join(process.env.KEEP, "spoilt.html");
    const page = fs.readFileSync(process.argv[2], "utf8");
    fs.writeFileSync(
      spoilt,
      page.replace('lang="it"', "").replace("</main>", '<p style="color:#eee">chiaro</p><div style="width:3000px">largo</div></main><script>throw Error("x")</script>')
    );
    const { wrong } = await look(browser, spoilt, SCREENS.narrow, null);
    for (const expected of ["html-has-lang", "color-contrast", "script: x", "wider than the screen"]) {
      if (!wrong.some((what) => what.includes(expected))) {
        console.error(`the spoilt page is not found out: ${expected}\n${wrong.join("\n")}`);
        bad += 1;
      }
    }
  } finally {
    await browser.close();
  }
  process.exit(bad ? 1 : 0);
})();
