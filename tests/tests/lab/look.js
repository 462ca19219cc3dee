// What is wrong with the page that is open, as a list of words: nothing, where all can be read.
(() => {
  const wrong = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) {
    for (const e of document.querySelectorAll('body *')) {
      if (e.getBoundingClientRect().right > width + 1 && !e.closest('.wide') && !e.closest('.skip')) {
        wrong.push(`wider than the window: ${e.tagName} ${e.className} ${e.textContent.slice(0, 40)}`);
        break;
      }
    }
    wrong.push(`the page is ${document.documentElement.scrollWidth} wide`);
  }

  // Contrast as WCAG 2.2 defines it, 4.5 being what it asks of text.
  const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const colour = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = colour(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const seen = new Set();
  const isShown = (e) => e.getClientRects().length > 0;
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !isShown(e) || e.closest('title,desc')) continue;
    const style = getComputedStyle(e);
    const front = colour(e.ownerSVGElement ? style.fill : style.color);
    const back = behind(e);
    const key = `${front} on ${back}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) wrong.push(`contrast ${contrast.toFixed(2)}: ${key}: ${e.textContent.slice(0, 40)}`);
  }

  // No word of a drawing is cut off, and none stands on another.
  for (const svg of document.querySelectorAll('svg')) {
    if (!isShown(svg)) continue;
    const right = svg.viewBox.baseVal.width;
    const texts = [...svg.querySelectorAll('text')].map((t) => [t, t.getBBox()]);
    for (const [t, box] of texts) {
      if (box.x < -1 || box.x + box.width > right + 1) {
        wrong.push(`cut off in a drawing: ${t.textContent} (${box.x.toFixed(0)}, ${box.width.toFixed(0)} wide)`);
      }
    }
    texts.sort((a, b) => a[1].y - b[1].y);
    for (let i = 0; i < texts.length; i++) {
      for (let j = i + 1; j < texts.length && texts[j][1].y < texts[i][1].y + texts[i][1].height; j++) {
        const [a, b] = [texts[i][1], texts[j][1]];
        const down = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
        const across = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
        // A box has room for accents above and below its letters.
        if (down > 6 && across > 2) wrong.push(`on each other: ${texts[i][0].textContent} / ${texts[j][0].textContent}`);
      }
    }
  }
  // A moment is at the same place in all figures of a story.
  for (const story of document.querySelectorAll('section')) {
    const scales = [...story.querySelectorAll('.ln>div, .plot line.grid:first-of-type')];
    const ends = scales.map((e) => e.getBoundingClientRect()).map((box) => [box.left, box.right]);
    const first = ends[0];
    if (ends.some(([left, right]) => Math.abs(left - first[0]) > 1 || Math.abs(right - first[1]) > 1)) {
      wrong.push(`two scales of time: ${story.querySelector('h3').textContent} ${JSON.stringify(ends)}`);
    }
  }
  return wrong.slice(0, 20);
})()
