'use strict';
// Values on hover, focus and tap; tables that sort. Without this script the page shows the same figures,
// and browsers show the values as titles.
(() => {
  const tip = document.getElementById('tip');
  let marked = null;

  const hide = () => {
    if (marked) marked.classList.remove('on');
    marked = null;
    tip.hidden = true;
  };

  const show = (hit) => {
    if (marked !== hit) {
      hide();
      marked = hit;
      hit.classList.add('on');
      tip.textContent = hit.dataset.says;
      tip.hidden = false;
    }
    const at = hit.getBoundingClientRect();
    const size = tip.getBoundingClientRect();
    const left = Math.min(Math.max(4, at.left + at.width / 2 - size.width / 2), innerWidth - size.width - 4);
    const above = at.top - size.height - 6;
    tip.style.left = `${left}px`;
    tip.style.top = `${above < 4 ? at.bottom + 6 : above}px`;
  };

  // The value nearest to the pointer, if one is near: markers are small and fingers are not.
  const nearest = (hits, x, y) => {
    let best = null;
    let least = 28 * 28;
    for (const hit of hits) {
      const at = hit.getBoundingClientRect();
      const distance = (at.left + at.width / 2 - x) ** 2 + (at.top + at.height / 2 - y) ** 2;
      if (distance < least) [best, least] = [hit, distance];
    }
    return best;
  };

  for (const chart of document.querySelectorAll('.chart')) {
    const hits = [...chart.querySelectorAll('.hit')];
    for (const hit of hits) {
      const title = hit.querySelector('title');
      hit.dataset.says = title.textContent;
      title.remove();
    }
    const point = (event) => {
      const hit = event.target.closest('rect.hit') || nearest(hits, event.clientX, event.clientY);
      if (hit) show(hit); else hide();
    };
    chart.addEventListener('pointermove', point);
    chart.addEventListener('pointerdown', point);
    chart.addEventListener('pointerleave', (event) => { if (event.pointerType === 'mouse') hide(); });
    chart.addEventListener('focus', () => { if (!marked && hits.length && chart.matches(':focus-visible')) show(hits[0]); });
    chart.addEventListener('blur', hide);
    chart.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === 'Escape') hide();
      if (!step || !hits.length) return;
      event.preventDefault();
      show(hits[(hits.indexOf(marked) + step + hits.length) % hits.length]);
    });
  }
  // The value keeps to its marker as long as that is in sight.
  addEventListener('scroll', () => {
    if (!marked) return;
    const at = marked.getBoundingClientRect();
    if (at.bottom < 0 || at.top > innerHeight) hide(); else show(marked);
  }, { passive: true });

  // What is folded is printed too, and opened for whoever follows a link into it.
  const folded = [...document.querySelectorAll('details')];
  let opened = [];
  addEventListener('beforeprint', () => {
    opened = folded.filter((one) => !one.open);
    for (const one of opened) one.open = true;
  });
  addEventListener('afterprint', () => {
    for (const one of opened) one.open = false;
  });
  for (const link of document.querySelectorAll('nav a')) {
    link.addEventListener('click', () => {
      const into = document.getElementById(link.hash.slice(1))?.closest('details');
      if (into) into.open = true;
    });
  }

  for (const button of document.querySelectorAll('th button')) {
    button.addEventListener('click', () => {
      const head = button.parentElement;
      const place = [...head.parentElement.children].indexOf(head);
      const body = head.closest('table').tBodies[0];
      const down = head.getAttribute('aria-sort') === 'ascending';
      for (const other of head.parentElement.children) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const words = new Intl.Collator('en', { numeric: true });
      const number = head.classList.contains('n');
      // A field without a number stands last in either order.
      const order = (row) => {
        const field = row.cells[place];
        return 'o' in field.dataset ? Number(field.dataset.o) : NaN;
      };
      const compare = (a, b) => {
        if (!number) return words.compare(a.cells[place].textContent, b.cells[place].textContent) * (down ? -1 : 1);
        const [x, y] = [order(a), order(b)];
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
        return (x - y) * (down ? -1 : 1);
      };
      body.append(...[...body.rows].sort(compare));
    });
  }
})();
