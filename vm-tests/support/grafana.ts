/** Grafana of which there is none: a program that stands for it, with its settings, its provisioning and its answer. */
import { type BootedLab, onMachine } from "./booted-lab.ts";

const program = String.raw`
import glob, http.server, json, os, re
text = open("/etc/grafana/provisioning/dashboards/imagectl.yaml").read()
folder = re.search(r"path: ([^}\s]+)", text).group(1)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        found = [json.load(open(name)) for name in sorted(glob.glob(folder + "/*.json"))]
        body = json.dumps([{"uid": each["uid"], "title": each["title"]} for each in found], separators=(",", ":")).encode()
        # Who is not known sees nothing, unless the settings say otherwise.
        known = os.environ.get("GF_AUTH_ANONYMOUS_ENABLED") == "true"
        self.send_response(200 if known else 401)
        self.end_headers()
        if known: self.wfile.write(body)
http.server.ThreadingHTTPServer((os.environ.get("GF_SERVER_HTTP_ADDR", "0.0.0.0"), 3000), Answer).serve_forever()
`;

const unit = `[Service]
ExecStart=/usr/bin/python3 /usr/local/lib/stand-in-grafana
DynamicUser=yes

[Install]
WantedBy=multi-user.target
`;

export async function placeGrafana(booted: BootedLab): Promise<void> {
  await onMachine(
    booted,
    `mkdir -p /usr/local/lib
cat >/usr/local/lib/stand-in-grafana <<'PROGRAM'
${program}
PROGRAM
cat >/etc/systemd/system/grafana-server.service <<'UNIT'
${unit}
UNIT
systemctl daemon-reload
systemctl enable --now grafana-server.service`,
  );
}
