import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * A receiver of Offpath's signed events: Java 17 or newer, nothing to install.
 *
 * <pre>OFFPATH_WEBHOOK_SECRETS='whsec_…[ whsec_…]' PORT=8080 java Receiver.java</pre>
 */
public final class Receiver {
    private static final int TOLERANCE_SECONDS = 300;
    private static final int MAX_BODY_BYTES = 4 * 1024 * 1024;
    private static final List<byte[]> SECRETS = secrets();

    /** Deliveries may repeat: do each id once. The newest 10,000 are remembered. */
    private static final Set<String> SEEN =
            Collections.synchronizedSet(Collections.newSetFromMap(new LinkedHashMap<>() {
                @Override
                protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
                    return size() > 10_000;
                }
            }));

    private static List<byte[]> secrets() {
        List<byte[]> found = new ArrayList<>();
        for (String secret : System.getenv().getOrDefault("OFFPATH_WEBHOOK_SECRETS", "").trim().split("\\s+")) {
            if (!secret.isEmpty()) found.add(Base64.getDecoder().decode(secret.replaceFirst("^whsec_", "")));
        }
        return found;
    }

    private static String header(Headers headers, String name) {
        String value = headers.getFirst(name);
        return value == null ? "" : value;
    }

    /** The body must be the bytes as they came, not JSON written anew. */
    static boolean verify(Headers headers, byte[] body) throws GeneralSecurityException {
        String id = header(headers, "webhook-id");
        String timestamp = header(headers, "webhook-timestamp");
        if (id.isEmpty() || !timestamp.matches("[0-9]{1,12}")) return false;
        long age = System.currentTimeMillis() / 1000 - Long.parseLong(timestamp);
        if (Math.abs(age) > TOLERANCE_SECONDS) return false;
        String[] signatures = header(headers, "webhook-signature").split(" ");
        for (byte[] secret : SECRETS) {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(secret, "HmacSHA256"));
            mac.update((id + "." + timestamp + ".").getBytes(StandardCharsets.ISO_8859_1));
            byte[] expected = ("v1," + Base64.getEncoder().encodeToString(mac.doFinal(body)))
                    .getBytes(StandardCharsets.ISO_8859_1);
            for (String given : signatures) {
                if (MessageDigest.isEqual(expected, given.getBytes(StandardCharsets.ISO_8859_1))) return true;
            }
        }
        return false;
    }

    private static void receive(HttpExchange exchange) throws IOException {
        try (exchange) {
            byte[] body = exchange.getRequestBody().readNBytes(MAX_BODY_BYTES + 1);
            int status = 401;
            try {
                if (body.length > MAX_BODY_BYTES) status = 413;
                else if (verify(exchange.getRequestHeaders(), body)) status = 204;
            } catch (GeneralSecurityException error) {
                status = 500;
            }
            String id = header(exchange.getRequestHeaders(), "webhook-id");
            // Read the JSON with the library of your choice; `simulated: true` is for the record only.
            if (status == 204 && SEEN.add(id)) System.out.println("received " + id);
            exchange.sendResponseHeaders(status, -1);
        }
    }

    public static void main(String[] arguments) throws IOException {
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "8080"));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        server.createContext("/", Receiver::receive);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.start();
        System.out.println("listening " + server.getAddress().getPort());
    }
}
