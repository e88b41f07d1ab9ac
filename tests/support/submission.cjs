// A submission server (Nodemailer's smtp-server, which MailDev brings): TLS, a password, a file
// for each mail. Arguments: directory, port, "starttls" or "implicit", certificate, key, password.
const fs = require("fs");
const path = require("path");
const { SMTPServer } = require(process.env.SMTP_SERVER);

const [directory, port, way, cert, key, password] = process.argv.slice(2);
let number = 0;
const server = new SMTPServer({
  secure: way === "implicit",
  cert: fs.readFileSync(cert),
  key: fs.readFileSync(key),
  onAuth(auth, session, done) {
    const right = auth.username === "gateway" && auth.password === password;
    done(right ? null : new Error("Invalid username or password"), { user: "gateway" });
  },
  onRcptTo(address, session, done) {
    done(address.address.startsWith("nobody@") ? new Error("No such user") : null);
  },
  onData(stream, session, done) {
    const draft = path.join(directory, "draft");
    stream.pipe(fs.createWriteStream(draft)).on("finish", () => {
      number += 1;
      fs.renameSync(draft, path.join(directory, `${number}.eml`));
      done();
    });
  },
});
// Who hangs up, or does not trust us, is no reason to end.
server.on("error", () => {});
server.listen(Number(port), "127.0.0.1");
