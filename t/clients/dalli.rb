# A conversation of dalli.
require 'dalli'
require 'logger'

Dalli.logger = Logger.new(File::NULL)
host, port, *login = ARGV
LARGE = Random.bytes(900_000)
BINARY = (0..255).to_a.pack('C*') * 4
WORDS = (0...200).to_h { |n| ["k#{n}", "value #{n}"] }

def ok(holds, what)
  puts "#{holds ? '' : 'not '}ok #{what}"
  $stdout.flush
end

def refused?
  yield ? false : true
rescue Dalli::DalliError
  true
end

def client(host, port, login, **more)
  user, password = login
  options = { protocol: :binary, socket_max_failures: 0, down_retry_delay: 0 }
  options.merge!(username: user, password: password) if user
  Dalli::Client.new("#{host}:#{port}", **options, **more)
end

dc = client(host, port, login)
ok(dc.set('a', 'one'), 'set')
ok(dc.get('a') == 'one', 'get')
ok(dc.get('none').nil?, 'a miss')
ok(!dc.add('a', 'x') && dc.add('b', 'two'), 'add')
ok([0, false, nil].include?(dc.replace('none', 'x')) && dc.replace('b', 'three'), 'replace')
dc.multi { WORDS.each { |key, value| dc.set(key, value) } }
ok(dc.get('k199') == 'value 199', 'quiet sets')
ok(dc.get_multi(WORDS.keys + ['none']) == WORDS, 'many gets')
ok(dc.cas('a') { |value| "#{value} two" } && dc.get('a') == 'one two', 'compare and swap')
value, cas = dc.get_cas('a')
dc.set('a', 'three')
ok(!dc.set_cas('a', "#{value} x", cas) && dc.get('a') == 'three', 'an old id is refused')
ok(dc.incr('n', 3, 0, 5) == 5 && dc.incr('n', 3) == 8 && dc.decr('n', 1) == 7, 'a number is made and changes')
ok(dc.incr('none', 1).nil?, 'a number that is not there does not')
dc.set('s', 'text', 0, raw: true)
ok(dc.append('s', '+') && dc.prepend('s', '-') && dc.get('s', raw: true) == '-text+', 'append, prepend')
ok(dc.touch('s', 100) && !dc.touch('none', 100), 'touch')
dc.set('t', 'text')
ok(dc.gat('t', 100) == 'text' && dc.gat('none', 100).nil?, 'get and touch')
ok(dc.set('binary', BINARY, 0, raw: true) && dc.get('binary', raw: true) == BINARY, 'binary values')
ok(dc.set('large', LARGE) && dc.get('large') == LARGE, 'large values')
big = client(host, port, login, value_max_bytes: 2_000_000)
ok(refused? { big.set('larger', LARGE * 2) }, 'values that are too large')
ok(big.get('a') == 'three', '... and the connection goes on')
ok(dc.delete('a') && !dc.delete('a'), 'delete')
ok(dc.stats.values.first['version'] == '1.6.45', 'statistics')
ok(dc.version.values.first == '1.6.45', 'version')
dc.flush
ok(dc.get('b').nil?, 'flush')
dc.close
ok(refused? { client(host, port, [login[0], 'wrong']).set('a', 'x') }, 'a wrong password') if login.any?
