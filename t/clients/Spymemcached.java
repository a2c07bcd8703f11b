// A conversation of spymemcached.

import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import net.spy.memcached.CASResponse;
import net.spy.memcached.CASValue;
import net.spy.memcached.ConnectionFactoryBuilder;
import net.spy.memcached.ConnectionFactoryBuilder.Protocol;
import net.spy.memcached.MemcachedClient;
import net.spy.memcached.auth.AuthDescriptor;
import net.spy.memcached.auth.PlainCallbackHandler;

public class Spymemcached {
    interface Check {
        boolean holds() throws Exception;
    }

    static void ok(String what, Check check) {
        boolean holds;
        try {
            holds = check.holds();
        } catch (Exception e) {
            System.err.println(what + ": " + e);
            holds = false;
        }
        System.out.println((holds ? "ok " : "not ok ") + what);
    }

    static boolean done(Future<Boolean> future) throws Exception {
        return future.get(10, TimeUnit.SECONDS);
    }

    static MemcachedClient client(String[] args, String password) throws Exception {
        ConnectionFactoryBuilder builder = new ConnectionFactoryBuilder()
            .setProtocol(Protocol.BINARY)
            .setOpTimeout(10_000)
            .setMaxReconnectDelay(1);
        if (password != null) {
            builder.setAuthDescriptor(new AuthDescriptor(
                new String[] {"PLAIN"}, new PlainCallbackHandler(args[2], password)));
        }
        InetSocketAddress address = new InetSocketAddress(args[0], Integer.parseInt(args[1]));
        return new MemcachedClient(builder.build(), Collections.singletonList(address));
    }

    public static void main(String[] args) throws Exception {
        System.setProperty("net.spy.log.LoggerImpl", "net.spy.memcached.compat.log.SunLogger");
        java.util.logging.Logger.getLogger("net.spy.memcached").setLevel(java.util.logging.Level.OFF);
        boolean login = args.length > 2;
        MemcachedClient mc = client(args, login ? args[3] : null);
        byte[] binary = new byte[1024];
        for (int n = 0; n < binary.length; n++) {
            binary[n] = (byte) n;
        }
        byte[] large = new byte[900_000];
        new java.util.Random(7).nextBytes(large);
        byte[] larger = new byte[1_040_000 * 2];
        new java.util.Random(8).nextBytes(larger);
        Map<String, Object> words = new HashMap<>();
        for (int n = 0; n < 200; n++) {
            words.put("k" + n, "value " + n);
        }

        ok("set", () -> done(mc.set("a", 0, "one")));
        ok("get", () -> "one".equals(mc.get("a")));
        ok("a miss", () -> mc.get("none") == null);
        ok("add", () -> !done(mc.add("a", 0, "x")) && done(mc.add("b", 0, "two")));
        ok("replace", () -> !done(mc.replace("none", 0, "x")) && done(mc.replace("b", 0, "three")));
        ok("many sets", () -> {
            boolean all = true;
            List<Future<Boolean>> sets = new java.util.ArrayList<>();
            words.forEach((key, value) -> sets.add(mc.set(key, 0, value)));
            for (Future<Boolean> set : sets) {
                all &= done(set);
            }
            return all;
        });
        ok("many gets", () -> {
            List<String> keys = new java.util.ArrayList<>(words.keySet());
            keys.add("none");
            return mc.getBulk(keys).equals(words);
        });
        CASValue<Object> held = mc.gets("a");
        ok("compare and swap", () -> mc.cas("a", held.getCas(), "two") == CASResponse.OK);
        ok("an old id is refused", () -> mc.cas("a", held.getCas(), "three") == CASResponse.EXISTS);
        ok("a number is made", () -> mc.incr("n", 3, 5) == 5);
        ok("a number changes", () -> mc.incr("n", 3) == 8 && mc.decr("n", 1) == 7);
        ok("a number that is not there does not", () -> mc.incr("none", 1) == -1);
        ok("append, prepend", () -> done(mc.set("s", 0, "text")) && done(mc.append("s", "+"))
            && done(mc.prepend("s", "-")) && "-text+".equals(mc.get("s")));
        ok("touch", () -> done(mc.touch("s", 100)) && !done(mc.touch("none", 100)));
        ok("get and touch", () -> "-text+".equals(mc.getAndTouch("s", 100).getValue()));
        ok("binary values", () -> done(mc.set("binary", 0, binary)) && Arrays.equals(binary, (byte[]) mc.get("binary")));
        ok("large values", () -> done(mc.set("large", 0, large)) && Arrays.equals(large, (byte[]) mc.get("large")));
        ok("delete", () -> done(mc.delete("a")) && !done(mc.delete("a")));
        ok("statistics", () -> "1.6.45".equals(mc.getStats().values().iterator().next().get("version")));
        ok("version", () -> "1.6.45".equals(mc.getVersions().values().iterator().next()));
        ok("flush", () -> done(mc.flush()) && mc.get("b") == null);
        mc.shutdown(5, TimeUnit.SECONDS);
        if (login) {
            ok("a wrong password", () -> {
                MemcachedClient wrong = client(args, "wrong");
                try {
                    return !wrong.set("a", 0, "x").get(1, TimeUnit.SECONDS);
                } catch (Exception refused) {
                    return true;
                } finally {
                    wrong.shutdown();
                }
            });
        }
    }
}
