// A conversation of memjs.
const memjs = require('memjs');

const [host, port, username, password] = process.argv.slice(2);
const BINARY = Buffer.from(Array.from({ length: 1024 }, (_, n) => n % 256));
const LARGE = Buffer.alloc(900000, 'x');
const quiet = { log() {} };

function ok(holds, what) {
  console.log((holds ? 'ok ' : 'not ok ') + what);
}

function client(secret) {
  const options = { retries: 1, timeout: 5, logger: quiet, ...(username && { username, password: secret }) };
  return memjs.Client.create(`${host}:${port}`, options);
}

async function refused(promise) {
  try {
    return (await promise) === false;
  } catch {
    return true;
  }
}

async function text(mc, key) {
  const { value } = await mc.get(key);
  return value === null ? null : value.toString();
}

async function main() {
  const mc = client(password);
  ok(await mc.set('a', 'one', {}), 'set');
  ok((await text(mc, 'a')) === 'one', 'get');
  ok((await text(mc, 'none')) === null, 'a miss');
  ok((await mc.add('a', 'x', {})) === false && (await mc.add('b', 'two', {})), 'add');
  ok((await mc.replace('none', 'x', {})) === false && (await mc.replace('b', 'three', {})), 'replace');
  const keys = Array.from({ length: 200 }, (_, n) => `k${n}`);
  await Promise.all(keys.map((key) => mc.set(key, `value of ${key}`, {})));
  const values = await Promise.all(keys.map((key) => text(mc, key)));
  ok(values.every((value, n) => value === `value of ${keys[n]}`), 'many at once');
  ok((await mc.increment('n', 3, { initial: 5 })).value === 5, 'a number is made');
  ok((await mc.increment('n', 3, { initial: 5 })).value === 8, '... and incremented');
  ok((await mc.decrement('n', 1, { initial: 5 })).value === 7, '... and decremented');
  await mc.set('s', 'text', {});
  // Its prepend appends, so that is not asked for.
  ok((await mc.append('s', '+')) && (await text(mc, 's')) === 'text+', 'append');
  ok(await refused(mc.append('none', '+')), 'append to nothing');
  ok((await mc.touch('s', 100)) && !(await mc.touch('none', 100)), 'touch');
  await mc.set('binary', BINARY, {});
  ok(BINARY.equals((await mc.get('binary')).value), 'binary values');
  await mc.set('large', LARGE, {});
  ok(LARGE.equals((await mc.get('large')).value), 'large values');
  ok(await refused(mc.set('larger', Buffer.alloc(1100000, 'x'), {})), 'values that are too large');
  ok((await text(mc, 'a')) === 'one', '... and the connection goes on');
  ok((await mc.delete('a')) && !(await mc.delete('a')), 'delete');
  const stats = await new Promise((resolve) => mc.stats((error, server, values) => resolve(values)));
  ok(stats && stats.version === '1.6.45', 'statistics');
  await new Promise((resolve) => mc.flush(resolve));
  ok((await text(mc, 'b')) === null, 'flush');
  mc.close();
  if (username) {
    const wrong = client('wrong');
    ok(await refused(wrong.set('a', 'x', {})), 'a wrong password');
    wrong.close();
  }
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
