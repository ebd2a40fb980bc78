// Go's x/crypto/ssh for the interop tests. Usage: peer_go names | client WORD=VALUE ... | server WORD=VALUE ...
// The words are those of Client.words() and of Go.serve(). A client ends with the status of the command.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	_ "unsafe" // for go:linkname: the package has no function that names all it can do

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
	"golang.org/x/sys/unix"
)

// Only the keys of these maps are looked at; the values have the size of theirs.

//go:linkname kexes golang.org/x/crypto/ssh.kexAlgoMap
var kexes map[string][2]uintptr

//go:linkname ciphers golang.org/x/crypto/ssh.cipherModes
var ciphers map[string]uintptr

//go:linkname macs golang.org/x/crypto/ssh.macModes
var macs map[string]uintptr

//go:linkname hostKeys golang.org/x/crypto/ssh.supportedHostKeyAlgos
var hostKeys []string

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(255)
	}
}

func names() {
	for n := range kexes {
		if strings.Contains(n, "group-exchange") { // its server has none
			n = "client kex " + n
		} else {
			n = "kex " + n
		}
		fmt.Println(n)
	}
	for n := range ciphers {
		fmt.Println("cipher", n)
	}
	for n := range macs {
		fmt.Println("mac", n)
	}
	for _, n := range hostKeys {
		fmt.Println("sig", n)
	}
}

type words map[string][]string

func (w words) get(name string) string {
	if len(w[name]) == 0 {
		return ""
	}
	return w[name][0]
}

func (w words) number(name string) int {
	n, _ := strconv.Atoi(w.get(name))
	return n
}

func (w words) list(name string) []string {
	if w.get(name) == "" {
		return nil
	}
	return strings.Split(w.get(name), ",")
}

func (w words) config() ssh.Config {
	return ssh.Config{KeyExchanges: w.list("kex"), Ciphers: w.list("cipher"), MACs: w.list("mac"), RekeyThreshold: uint64(w.number("rekey"))}
}

func readKey(path string) ssh.Signer {
	text, err := os.ReadFile(path)
	check(err)
	key, err := ssh.ParsePrivateKey(text)
	check(err)
	return key
}

func certified(key ssh.Signer, path string) ssh.Signer {
	if path == "" {
		return key
	}
	text, err := os.ReadFile(path)
	check(err)
	public, _, _, _, err := ssh.ParseAuthorizedKey(text)
	check(err)
	key, err = ssh.NewCertSigner(public.(*ssh.Certificate), key)
	check(err)
	return key
}

func login(w words) ssh.AuthMethod {
	password := w.get("password")
	switch {
	case w.get("key") != "":
		return ssh.PublicKeys(certified(readKey(w.get("key")), w.get("certificate")))
	case w.get("method") == "password":
		return ssh.Password(password)
	}
	return ssh.KeyboardInteractive(func(_, _ string, prompts []string, _ []bool) ([]string, error) {
		answers := make([]string, len(prompts))
		for i := range answers {
			answers[i] = password
		}
		return answers, nil
	})
}

type result struct {
	out, err bytes.Buffer
	status   int
}

func run(c *ssh.Client, w words, input io.Reader) *result {
	r := new(result)
	s, err := c.NewSession()
	check(err)
	s.Stdin, s.Stdout, s.Stderr = input, &r.out, &r.err
	for _, e := range w["env"] {
		name, value, _ := strings.Cut(e, "=")
		s.Setenv(name, value) // a server may say no
	}
	if w.number("pty") == 1 {
		check(s.RequestPty("vt100", 24, 80, ssh.TerminalModes{}))
	}
	if command := w.get("command"); command == "" {
		err = s.Shell()
	} else {
		err = s.Start(command)
	}
	check(err)
	err = s.Wait()
	var ended *ssh.ExitError
	if errors.As(err, &ended) {
		r.status = ended.ExitStatus()
	} else {
		check(err)
	}
	return r
}

func client(w words) {
	known, err := knownhosts.New(w.get("hosts"))
	check(err)
	config := &ssh.ClientConfig{Config: w.config(), User: w.get("user"), Auth: []ssh.AuthMethod{login(w)}, HostKeyCallback: known,
		HostKeyAlgorithms: w.list("sig")}
	c, err := ssh.Dial("tcp", "127.0.0.1:"+w.get("port"), config)
	check(err)
	n := w.number("sessions")
	done := make([]chan *result, n)
	for i := range done {
		var input io.Reader = os.Stdin
		if n > 1 {
			input = strings.NewReader(fmt.Sprintf("number %d\n", i))
		}
		done[i] = make(chan *result)
		go func(d chan *result) { d <- run(c, w, input) }(done[i])
	}
	status := 0
	for _, d := range done {
		r := <-d
		os.Stdout.Write(r.out.Bytes())
		os.Stderr.Write(r.err.Bytes())
		if r.status > status {
			status = r.status
		}
	}
	os.Exit(status)
}

// The server.

func riddle(ask ssh.KeyboardInteractiveChallenge, user string) error {
	type round struct {
		prompts, answers []string
		echo             []bool
	}
	rounds := []round{{[]string{"Password: "}, []string{"open sesame"}, []bool{false}}}
	if user == "riddle" {
		rounds = []round{{[]string{"First: ", "Second: "}, []string{"one", "two"}, []bool{false, true}}, {[]string{"Third: "}, []string{"three"}, []bool{false}}}
	}
	for _, r := range rounds {
		got, err := ask("Riddle", "of the peer", r.prompts, r.echo)
		if err != nil {
			return err
		}
		if strings.Join(got, "\n") != strings.Join(r.answers, "\n") {
			return errors.New("wrong")
		}
	}
	return nil
}

func serverConfig(w words) *ssh.ServerConfig {
	text, err := os.ReadFile(w.get("authorized"))
	check(err)
	right := map[string]bool{}
	for len(text) > 0 {
		key, _, _, rest, err := ssh.ParseAuthorizedKey(text)
		check(err)
		right[string(key.Marshal())] = true
		text = rest
	}
	config := &ssh.ServerConfig{
		Config: w.config(),
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if right[string(key.Marshal())] {
				return nil, nil
			}
			return nil, errors.New("unknown key")
		},
		PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if string(password) == "open sesame" {
				return nil, nil
			}
			return nil, errors.New("wrong")
		},
		KeyboardInteractiveCallback: func(c ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			return nil, riddle(ask, c.User())
		},
	}
	for _, path := range w["hostkey"] {
		config.AddHostKey(readKey(path))
	}
	return config
}

type session struct {
	channel ssh.Channel
	env     []string
	pty     *struct {
		Term                         string
		Columns, Rows, Width, Height uint32
		Modes                        string
	}
}

func openPty(columns, rows uint32) (*os.File, *os.File) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	check(err)
	check(unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	check(err)
	check(unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(rows), Col: uint16(columns)}))
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	check(err)
	return master, slave
}

func (s *session) start(argv ...string) {
	c := exec.Command("/bin/sh", argv...)
	c.Env = append(os.Environ(), s.env...)
	var err error
	if s.pty != nil {
		master, slave := openPty(s.pty.Columns, s.pty.Rows)
		c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		c.Env = append(c.Env, "TERM="+s.pty.Term)
		check(c.Start())
		slave.Close()
		go io.Copy(master, s.channel)
		io.Copy(s.channel, master)
		err = c.Wait()
		master.Close()
	} else {
		in, _ := c.StdinPipe()
		c.Stdout, c.Stderr = s.channel, s.channel.Stderr()
		go func() {
			io.Copy(in, s.channel)
			in.Close()
		}()
		err = c.Run()
	}
	status := struct{ Status uint32 }{}
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		status.Status = uint32(ended.ExitCode())
	}
	s.channel.SendRequest("exit-status", false, ssh.Marshal(&status))
	s.channel.Close()
}

func (s *session) serve(requests <-chan *ssh.Request) {
	for r := range requests {
		good := true
		switch r.Type {
		case "env":
			var e struct{ Name, Value string }
			good = ssh.Unmarshal(r.Payload, &e) == nil
			s.env = append(s.env, e.Name+"="+e.Value)
		case "pty-req":
			s.pty = new(struct {
				Term                         string
				Columns, Rows, Width, Height uint32
				Modes                        string
			})
			good = ssh.Unmarshal(r.Payload, s.pty) == nil
		case "shell":
			go s.start()
		case "exec":
			var e struct{ Command string }
			good = ssh.Unmarshal(r.Payload, &e) == nil
			go s.start("-c", e.Command)
		default:
			good = false
		}
		if r.WantReply {
			r.Reply(good, nil)
		}
	}
}

func connection(c net.Conn, config *ssh.ServerConfig) {
	defer c.Close()
	_, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	go ssh.DiscardRequests(requests)
	for open := range channels {
		if open.ChannelType() != "session" {
			open.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		channel, requests, err := open.Accept()
		if err == nil {
			go (&session{channel: channel}).serve(requests)
		}
	}
}

func server(w words) {
	config := serverConfig(w)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	for {
		c, err := listener.Accept()
		check(err)
		go connection(c, config)
	}
}

func main() {
	w := words{}
	for _, a := range os.Args[2:] {
		name, value, _ := strings.Cut(a, "=")
		w[name] = append(w[name], value)
	}
	map[string]func(words){"names": func(words) { names() }, "client": client, "server": server}[os.Args[1]](w)
}
