// A contact sheet of the page's states. In: a folder of pictures (PICTURES of page.test.js), and a file to write. Out:
// one picture of all, each with its name.

import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

import { closeBrowser, openBrowser, somebody } from './handwave.js';

const [folder, out] = process.argv.slice(2);
const names = readdirSync(folder).filter((name) => name.endsWith('.png'));
const figures = names.sort().map((name) => {
  const data = readFileSync(join(folder, name)).toString('base64');
  return `<figure><figcaption>${basename(name, '.png')}</figcaption><img src="data:image/png;base64,${data}"></figure>`;
});

await openBrowser();
const context = await somebody({ viewport: { width: 1920, height: 1080 } });
const page = await context.newPage();
await page.setContent(`<!doctype html><style>
  body { margin: 16px; display: grid; grid-template-columns: repeat(6, 1fr); gap: 16px; background: #888; }
  figure { margin: 0; font: 14px sans-serif; }
  img { width: 100%; max-height: 420px; object-fit: cover; object-position: top; }
</style>${figures.join('')}`);
await page.screenshot({ path: out, fullPage: true });
await closeBrowser();
console.log(out);
