--- The `tandem` command as a shell sees it: through pipes.
local json = require "cjson"

local check = require "spec.support.check"
local command = require "spec.support.command"
local files = require "spec.support.files"
local preload = require "spec.support.preload"

local shell, tandem = command.shell, command.tandem

local function assert_says(text, words)
  assert.is_truthy(text:find(words, 1, true),
                   ("%q does not say %q"):format(text, words))
end

describe("the command", function()
  after_each(function() files.remove_all() end)

  it("tells its version", function()
    local code, out, err = tandem("--version")
    assert.same({ 0, "" }, { code, err })
    assert.matches("^tandem %d+%.%d+%.%d+ %(Lua 5%.4%)\n$", out)
  end)

  it("tells a newcomer what it can do", function()
    local code, out = tandem("--help")
    assert.equal(0, code)
    for _, words in ipairs { "Usage: tandem", "run", "map", "Examples" } do
      assert_says(out, words)
    end
  end)

  it("helps with each of its commands", function()
    for _, name in ipairs { "run", "map" } do
      local code, out = tandem(name .. " --help")
      assert.equal(0, code)
      assert_says(out, "Usage: tandem " .. name)
    end
  end)

  it("answers wrong usage with the usage and exit status 2", function()
    for arguments, words in pairs {
      ["--versio"] = "--version",
      ["frobnicate"] = "unknown command",
      ["run"] = "missing argument",
      ["map"] = "missing argument",
      ["map math:sqrt --threads 0"] = "--threads: '0' is not a whole number",
      ["map math:sqrt --threads 1000000"] = "--threads: '1000000' is not",
      ["map math:sqrt --processes 1001"] = "--processes: '1001' is not",
      ["bench --workers 1001"] = "--workers: '1001' is not a whole number",
      ["map math:sqrt --chunk 2.5"] = "not a whole number above 0",
      ["map math:sqrt --on-error explode"] = "must be one of",
      ["map math:sqrt --threads 1 --processes 1"] = "can not be used together",
    } do
      local code, out, err = tandem(arguments)
      assert.same({ 2, "" }, { code, out }, arguments)
      assert_says(err, "Usage: tandem")
      assert_says(err, words)
    end
  end)

  it("is found through links and from other directories", function()
    local code, out = shell(([[
      mkdir -p a/b; ln -s %s a/b/linked
      cd a; %s b/linked --version; cd b; %s ./linked --version
    ]]):format(command.file, preload.lua, preload.lua))
    assert.equal(0, code)
    assert.matches("^tandem [^\n]+\ntandem [^\n]+\n$", out)
  end)
end)

describe("tandem run", function()
  after_each(function() files.remove_all() end)

  local function run(source, arguments)
    local dir = files.directory()
    files.write(dir .. "/script.lua", source)
    return shell(("cd %s && tandem run script.lua %s")
                 :format(dir, arguments or ""))
  end

  it("runs a script that uses tandem and the catalogue", function()
    local code, out, err = run [[
      local tandem = require "tandem"
      local pool <close> = tandem.thread_pool(2)
      print(pool:call("tasks.primes:count", 1, 100))
    ]]
    assert.same({ 0, "25\n", "" }, { code, out, err })
  end)

  it("gives the script its arguments, options too", function()
    local code, out = run("print(arg[0], #arg, ...)", "a --help -x ''")
    assert.same({ 0, "script.lua\t4\ta\t--help\t-x\t\n" }, { code, out })
  end)

  it("keeps what came before in arg, as Lua does", function()
    local _, out = run("print(arg[-1], arg[-2]:match('[^/]*$'))")
    assert.equal("run\ttandem\n", out)
  end)

  it("runs a script from the standard input", function()
    local code, out = tandem("run - 1 2", "print(...)")
    assert.same({ 0, "1\t2\n" }, { code, out })
  end)

  it("reports an error with its traceback and exit status 1", function()
    local code, out, err = run [[
      local function fall() error("so it fell") end
      fall()
    ]]
    assert.same({ 1, "" }, { code, out })
    assert_says(err, "script.lua:1: so it fell")
    assert_says(err, "stack traceback")
    assert_says(err, "script.lua:2: in main chunk")
    assert.is_nil(err:find("tandem_cli", 1, true))
  end)

  it("reports error values that are not strings", function()
    local code, _, err = run("error({})")
    assert.equal(1, code)
    assert_says(err, "(error object is a table value)")
    code, _, err = run(
      "error(setmetatable({}, { __tostring = function() return 'odd' end }))")
    assert.equal(1, code)
    assert_says(err, "odd")
  end)

  it("reports a script that is not there, and one that is not Lua", function()
    local code, _, err = tandem("run absent.lua")
    assert.equal(1, code)
    assert_says(err, "absent.lua")
    code, _, err = run("x = = 1")
    assert.equal(1, code)
    assert_says(err, "script.lua:1:")
  end)

  it("exits as the script says", function()
    assert.equal(7, (run("os.exit(7)")))
  end)
end)

describe("tandem map", function()
  after_each(function() files.remove_all() end)

  local function output_lines(out)
    local values = {}
    for line in out:gmatch("([^\n]*)\n") do
      values[#values + 1] = json.decode(line)
    end
    return values
  end

  it("calls a task for each line and keeps the order", function()
    local code, out, err =
      tandem("map tasks.sleep:sleep", "0.1\n0.05\n0.01\n")
    assert.same({ 0, "0.1\n0.05\n0.01\n", "" }, { code, out, err })
  end)

  it("writes results as they come where that is asked for", function()
    -- The first one waits until the second one's result has been read.
    local code, out = shell [[
      mkfifo gate
      echo 'return function(path)
        if path then assert(io.open(path)):close() end
        return path
      end' >task.lua
      printf '"gate"\nfalse\n' | tandem map task --unordered --threads 2 |
        { read -r first; echo "$first"; : >gate; cat; }
    ]]
    assert.same({ 0, 'false\n"gate"\n' }, { code, out })
  end)

  it("does without a last line feed and with blank lines", function()
    local code, out = tandem("map math:abs", "\n-1\n\n  \n-2")
    assert.same({ 0, "1\n2\n" }, { code, out })
  end)

  it("writes nothing for no input", function()
    local code, out, err = tandem("map math:abs")
    assert.same({ 0, "", "" }, { code, out, err })
  end)

  it("keeps integers, and every digit of a number", function()
    local numbers = "112272535095293\n9007199254740992\n-5\n0.1\n"
      .. "0.30000000000000004\n1e+300\n"
    local _, out = tandem("map math:abs", numbers)
    assert.equal((numbers:gsub("%-5", "5")), out)
    _, out = tandem("map math:type", "3\n3.0\n3.5\n")
    assert.equal('"integer"\n"integer"\n"float"\n', out)
  end)

  it("keeps numbers within tables", function()
    local line = "[112272535095293,[0.1,1.0000000000000002]]"
    local dir = files.directory()
    files.write(dir .. "/echo.lua", "return function(...) return ... end")
    local _, out = shell(("cd %s; echo '%s' | tandem map echo")
                         :format(dir, line))
    assert.equal(line .. "\n", out)
  end)

  it("passes null, and writes it for nothing", function()
    local code, out = tandem("map _G:type", 'null\n"x"\n')
    assert.same({ 0, '"userdata"\n"string"\n' }, { code, out })
    code, out = tandem("map math:tointeger", "1.5\n")
    assert.same({ 0, "null\n" }, { code, out })
  end)

  it("sends many lines at a time where that is asked for", function()
    local code, out = shell("seq 1 1000 | tandem map math:abs --chunk 64")
    assert.equal(0, code)
    local expected = {}
    for i = 1, 1000 do expected[i] = i end
    assert.same(expected, output_lines(out))
  end)

  it("takes more lines than fit in its window", function()
    local code, out = shell(
      "seq 1 5000 | tandem map math:abs --threads 2 | sha1sum;"
      .. "seq 1 5000 | sha1sum")
    assert.equal(0, code)
    local mapped, plain = out:match("(%x+)%s+%-\n(%x+)")
    assert.equal(plain, mapped)
  end)

  for _, chunk in ipairs { 1, 2 } do
    describe("with --chunk " .. chunk, function()
      local option = " --chunk " .. chunk

      it("stops at the first item that fails", function()
        local code, out, err =
          tandem("map math:sqrt" .. option, '4\n"x"\n9\n')
        assert.same({ 1, "2\n" }, { code, out })
        assert_says(err, "line 2: bad argument")
      end)

      it("writes errors in place of results", function()
        local code, out, err = tandem(
          "map math:sqrt --on-error collect" .. option, '4\n"x"\n9\n')
        assert.same({ 1, "" }, { code, err })
        local lines = output_lines(out)
        assert.same({ 2, 3 }, { lines[1], lines[3] })
        assert.same({ "task", 2 },
                    { lines[2].error.kind, lines[2].error.line })
        assert_says(lines[2].error.message, "number expected")
      end)

      it("tells of a task that is not there", function()
        local code, out = tandem(
          "map no.such.module:f --on-error collect" .. option, "1\n")
        assert.equal(1, code)
        assert.equal("load", output_lines(out)[1].error.kind)
      end)

      it("tells of a result that JSON cannot say", function()
        local code, out =
          tandem("map math:log --on-error collect" .. option, "0\n1\n")
        local lines = output_lines(out)
        assert.equal(1, code)
        assert.equal("encode", lines[1].error.kind)
        assert.equal(0, lines[2])
      end)

      it("tells the line that is not JSON, after what came before", function()
        local code, out, err =
          tandem("map math:sqrt" .. option, "4\n\n{oops\n9\n")
        assert.same({ 2, "2\n" }, { code, out })
        assert_says(err, "line 3 is not JSON")
      end)
    end)
  end

  it("refuses a malformed task name", function()
    local code, out, err = tandem("map 'math sqrt'", "1\n")
    assert.same({ 2, "" }, { code, out })
    assert_says(err, "math sqrt")
  end)

  it("maps on processes", function()
    local code, out = tandem("map math:sqrt --processes 2", "4\n9\n")
    assert.same({ 0, "2\n3\n" }, { code, out })
  end)

  it("says why there can be no such pool", function()
    local code, _, err = tandem("map math:sqrt --processes 100000", "1\n")
    assert.equal(2, code)
    assert_says(err, "from 1 to 1000")
  end)

  -- The writer goes on only when it has read the first answer.
  it("answers each line while the next is still to come", function()
    local code, out = shell [[
      mkfifo questions answers
      tandem map math:abs <questions >answers &
      exec 3>questions 4<answers
      echo -1 >&3; read -r -u 4 first
      echo -2 >&3; read -r -u 4 second
      exec 3>&-
      wait $!; echo "$? $first $second"
    ]]
    assert.same({ 0, "0 1 2\n" }, { code, out })
  end)

  it("sends a chunk that is not full when the input pauses", function()
    local code, out = shell [[
      mkfifo questions answers
      tandem map math:abs --chunk 100 <questions >answers &
      exec 3>questions 4<answers
      echo -1 >&3; read -r -u 4 first; echo "$first"
    ]]
    assert.same({ 0, "1\n" }, { code, out })
  end)

  it("leaves at an error though its input stays open", function()
    local code, out = shell [[
      mkfifo questions
      tandem map math:sqrt <questions 2>/dev/null &
      exec 3>questions
      echo '"x"' >&3
      wait $!; echo $?
    ]]
    assert.same({ 0, "1\n" }, { code, out })
  end)

  -- Left to itself SIGPIPE ends it without a word; here it is ignored.
  it("ends quietly when nobody reads on, on input without an end", function()
    local code, out, err = shell [[
      trap '' PIPE
      yes 4 2>/dev/null | (tandem map math:sqrt; echo $? >status) | head -2
      until [ -s status ]; do sleep 0.01; done; cat status
    ]]
    assert.same({ 0, "2\n2\n1\n", "" }, { code, out, err })
  end)

  it("says when its output cannot be written", function()
    local code, _, err = shell "echo 1 | tandem map math:sqrt >/dev/full"
    assert.equal(1, code)
    assert_says(err, "stdout")
  end)

  it("names TASK where that is none, before an item is there", function()
    for _, arguments in ipairs { "''", "a:", "--chunk 3 a:" } do
      local code, out, err = tandem("map " .. arguments)
      assert.same({ 2, "" }, { code, out })
      assert_says(err, "tandem map: TASK: malformed task '")
      assert.is_nil(err:find("submit", 1, true))
    end
  end)

  it("needs lua-cjson, and says so", function()
    local code, _, err = shell [[
      echo 1 | LUA_INIT='package.preload.cjson = function() error "no" end' \
        tandem map math:sqrt
    ]]
    assert.equal(2, code)
    assert_says(err, "lua-cjson")
  end)
end)

describe("the REPL, from a pipe", function()
  after_each(function() files.remove_all() end)

  it("shows the values of expressions, without a prompt", function()
    local code, out, err = tandem("", "1 + 1\n'a', nil\nlocal x = 1\nx\n")
    assert.same({ 0, '2\n"a"\tnil\nnil\n', "" }, { code, out, err })
  end)

  it("has tandem and a pool", function()
    local code, out = tandem("", [[
pool:call("math:sqrt", 16)
function square(x) return x * x end
pool:call(square, 5)
tandem.is_error("no")
]])
    assert.same({ 0, "4.0\n25\nfalse\n" }, { code, out })
  end)

  it("takes statements over several lines", function()
    local _, out = tandem("", "for i = 1, 2 do\nprint(i)\nend\n{1,\n2}\n")
    assert.equal("1\n2\n{ 1, 2 }\n", out)
  end)

  it("goes on after an error, and exits with 1 at the end", function()
    local code, out, err =
      tandem("", "error('first')\nx = = 2\n:frob\nprint('on')")
    assert.same({ 1, "on\n" }, { code, out })
    assert_says(err, "stdin:1: first")
    assert_says(err, "stack traceback")
    assert_says(err, "near '='")
    assert_says(err, "unknown command ':frob'; :help")
  end)

  -- What `print` writes is lost without a word, and only the stream knows.
  it("says when its output cannot be written", function()
    for _, line in ipairs { "1 + 1", "print(1)", "io.write(1)", ":help" } do
      local code, _, err = shell("echo '" .. line .. "' | tandem >/dev/full")
      assert.equal(1, code, line)
      assert.matches("^tandem: stdout: [^\n]+\n$", err)
    end
    local code, _, err = shell "echo ':quit' | tandem >/dev/full"
    assert.same({ 0, "" }, { code, err })
  end)

  -- Left to itself SIGPIPE ends it without a word; here it is ignored.
  it("ends quietly when nobody reads on", function()
    for _, line in ipairs { "1", "print(1)" } do
      local code, out, err = shell(([[
        trap '' PIPE
        mkfifo answers; exec 3<>answers 4>answers 5<answers; exec 3>&- 5<&-
        echo '%s' | tandem >&4; echo $?
      ]]):format(line))
      assert.same({ 0, "0\n", "" }, { code, out, err })
    end
  end)

  it("complains of a statement without an end", function()
    local code, _, err = tandem("", "for i = 1, 2 do")
    assert.equal(1, code)
    assert_says(err, "<eof>")
  end)

  it("has help, and can be left", function()
    local code, out = tandem("", ":help\n:quit\nprint('too late')\n")
    assert.equal(0, code)
    assert_says(out, ":quit")
    assert.is_nil(out:find("too late", 1, true))
  end)

  it("waits for what was submitted, and runs its callbacks", function()
    local code, out = tandem("", [[
f = pool:submit("tasks.sleep:sleep", 0.05)
_ = f:on_done(function(f) print("slept", f:result()) end)
]])
    assert.same({ 0, "slept\t0.05\n" }, { code, out })
  end)

  it("shows tables within bounds, cycles too", function()
    local _, out = tandem("", [[
t = { 1, "two", { three = 3 }, ["a b"] = true }
t
t.self = t
t.self
long = {}
for i = 1, 1000 do long[i] = i end
long
("x"):rep(10000)
]])
    local lines = {}
    for line in out:gmatch("[^\n]+") do lines[#lines + 1] = line end
    assert.equal('{ 1, "two", { three = 3 }, ["a b"] = true }', lines[1])
    assert_says(lines[2], "self = <cycle>")
    assert_says(out, "(976 more)")
    assert_says(out, "(10000 bytes)")
    assert.is_true(#out < 1500)
    for _, line in ipairs(lines) do assert.is_true(#line <= 280) end
  end)

  it("shows what is dangerous to show", function()
    local code, out = tandem("", [[
setmetatable({}, { __tostring = function() error("no") end })
"\27[31m\0\200"
setmetatable({ 1 }, { __index = error, __pairs = error, __len = error })
]])
    assert.equal(0, code)
    assert_says(out, "__tostring fails")
    assert_says(out, [["\027[31m\000\200"]])
    assert_says(out, "{ 1 }")
  end)

  it("shows tables with keys that cannot be told, and goes on", function()
    local code, out = tandem("", [[
mute = { __tostring = error }
{ [setmetatable({}, mute)] = 1, [setmetatable({}, mute)] = 2, [true] = 3 }
fickle = { __tostring = function() return tostring(math.random()) end }
t = {}
for i = 1, 200 do t[setmetatable({}, fickle)] = i end
t
"on"
]])
    assert.equal(0, code)
    assert_says(out, "its __tostring fails>] = 1")
    assert_says(out, '\n"on"\n')
  end)

  it("shows no more than a screen or so of tables in tables", function()
    local _, out = tandem("", [[
t = {}
for i = 1, 50 do
  t[i] = {}
  for j = 1, 50 do t[i][j] = { i, j } end
end
t
]])
    assert_says(out, "{ 1, 2 }, { 1, 3 }")
    assert_says(out, "{...}")
    assert.is_true(#out < 4000, #out)
  end)

  it("cuts long strings between characters", function()
    local _, out = tandem("", [[
"x" .. ("\u{e4}"):rep(200)
("\u{20ac}"):rep(100)
]])
    assert_says(out, '"x' .. ("\u{e4}"):rep(119) .. '" ... (401 bytes)')
    assert_says(out, '"' .. ("\u{20ac}"):rep(80) .. '" ... (300 bytes)')
  end)

  it("shows what is in a table that was raised", function()
    local code, out, err = tandem("", [[
f = pool:submit(function() error { code = 5 } end)
f:wait()
f
f:result()
]])
    assert.equal(1, code)
    assert_says(out, "> { code = 5 }\n")
    assert_says(err, "table value) { code = 5 }")
    assert_says(err, "in worker 1, stack traceback")
  end)

  it("says so where it cannot read, and ends", function()
    local closed = { shell "tandem <&-" }
    local folder = { shell "tandem </" }
    assert.same({ 1, 1 }, { closed[1], folder[1] })
    assert_says(closed[3], "tandem: cannot read stdin: Bad file descriptor")
    assert_says(folder[3], "tandem: cannot read stdin: Is a directory")
  end)

  it("is at its prompt soon", function()
    local before = os.time()
    for _ = 1, 10 do assert.equal(0, (tandem("", "1"))) end
    assert.is_true(os.time() - before <= 10 * check.BOUND)
  end)
end)
