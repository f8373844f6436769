--- What goes wrong around a host: it is told the cause, and goes on.
local files = require "spec.support.files"
local programs = require "embed.programs"
local run_script = require "spec.support.script"
local scale = require "spec.support.scale"
local stranger = require "spec.support.stranger"

local assert_fine = programs.assert_fine

-- What each limit is called in the error, for each kind of pool.
local NAMES = {
  nofile = { thread = "Too many open files", process = "Too many open files" },
  nproc = { thread = "RLIMIT_NPROC",
            process = "Resource temporarily unavailable" },
  as = { thread = "RLIMIT_AS", process = "memory" },
}

describe("a host at its limit on", function()
  after_each(function() programs.before = nil end)

  for limit, names in pairs(NAMES) do
    for kind, name in pairs(names) do
      -- A sanitizer has threads of its own, and terabytes of address space.
      if limit == "nofile" or not scale.sanitized then
        it(("%s is told so, and goes on (%s)"):format(limit, kind), function()
          programs.before = limit == "nproc" and stranger.prefix or nil
          assert.matches(name, assert_fine("limits", kind, limit), 1, true)
        end)
      end
    end
  end
end)

-- A sanitizer does not work without /proc.
if not scale.sanitized then
  describe("a host shut up in a folder without /proc", function()
    local run = os.execute

    -- The libraries that a program needs, as paths.
    local function libraries_of(path)
      local pipe <close> = assert(io.popen("env -u LD_PRELOAD ldd "
                                           .. files.quote(path)))
      local list = {}
      for line in pipe:lines() do
        list[#list + 1] = line:match("(/%S+) %(0x%x+%)$")
      end
      return list
    end

    -- Everything lies there where it lies outside.
    local function copy(path, root)
      assert(run(("cp -rL --parents %s %s"):format(files.quote(path), root)))
    end

    local function make_root()
      local root = files.directory()
      for _, name in ipairs { "tandem.pool", "fixtures.basic" } do
        local file = package.searchpath(name, package.path)
        copy(file:match("^(.*)/"), root)
      end
      return root
    end

    after_each(function() files.remove_all() end)

    it("has pools of all kinds", function()
      local root = make_root()
      local worker = programs.build .. "/tandem/tandem-worker"
      copy(worker, root)
      for _, path in ipairs(libraries_of(worker)) do copy(path, root) end
      assert_fine("chrooted", root)
    end)

    it("is told of the libraries of the worker that are not there", function()
      local root = make_root()
      local worker = programs.build .. "/tandem/tandem-worker"
      copy(worker, root)
      for _, path in ipairs(libraries_of(worker)) do
        if path:find("/ld-", 1, true) then copy(path, root) end
      end
      local code, said, err = programs.run("chrooted", root, "lacking")
      assert.equal(0, code, err)
      assert.matches("exited with code 127", said, 1, true)
      -- The dynamic linker's word on it, in the worker that was to be.
      assert.matches("cannot open shared object file", err, 1, true)
    end)

    it("is told of the worker program that is not there", function()
      local said = assert_fine("chrooted", make_root(), "lacking")
      assert.matches("/tandem/tandem-worker: No such file", said, 1, true)
      assert.matches("TANDEM_WORKER", said, 1, true)
    end)
  end)
end

describe("a worker program", function()
  -- What a pool says of it; afterwards another works all the same.
  local function complaint(path)
    local code, out, err = run_script([[
      local tandem = require "tandem"
      local pool = tandem.process_pool {
        max_workers = 2, worker_path = os.getenv("SPEC_WORKER"),
      }
      local ok, e = pcall(pool.call, pool, "fixtures.basic:echo")
      assert(not ok and tandem.is_error(e, "limit"), tostring(e))
      print(e.message)
      assert(pool:shutdown { timeout = 10 })
      local other <close> = tandem.process_pool(2)
      assert(other:call("fixtures.basic:add", 1, 2) == 3)
    ]], { env = { SPEC_WORKER = path } })
    assert.equal(0, code, err)
    assert.equal("", err)
    return out
  end

  local function write_program(text)
    local path = files.write(files.directory() .. "/worker", text)
    os.execute("chmod +x " .. path)
    return path
  end

  after_each(function() files.remove_all() end)

  it("that is for another machine is named with the cause", function()
    local text = files.read(programs.build .. "/tandem/tandem-worker")
    -- The machine is the half word at 18 of an ELF file; this one is of 1986.
    local path = write_program(text:sub(1, 18) .. "\2\0" .. text:sub(21))
    local said = complaint(path)
    assert.matches(path, said, 1, true)
    assert.matches("Exec format error", said, 1, true)
  end)

  it("whose interpreter is not there is named with the cause", function()
    local path = write_program("#!/nonexistent/interpreter\n")
    local said = complaint(path)
    assert.matches(path, said, 1, true)
    assert.matches("No such file or directory", said, 1, true)
  end)
end)
