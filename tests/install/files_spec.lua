--- The files of the package: which, where, with what rights, with what inside.
local files = require "spec.support.files"
local install = require "spec.support.install"
local stage = require "spec.support.stage"
local lfs = require "lfs"

-- Where each file of the source belongs: from below a folder of it, where its
-- name is like this, to the same place below a folder of the system.
local RULES = {
  { "bindings/tandem", "%.lua$", "/usr/share/lua/5.4/tandem" },
  { "scripts/tandem_cli", "%.lua$", "/usr/share/lua/5.4/tandem_cli" },
  { "scripts/tasks", "%.lua$", "/usr/share/lua/5.4/tandem_cli/tasks" },
  { "scripts/examples", "", "/usr/share/doc/tandem/examples" },
  { "docs", "%.md$", "/usr/share/doc/tandem/docs" },
  { "docs", "%.png$", "/usr/share/doc/tandem/docs" },
}

local function expected_files()
  local set = {
    ["/usr/bin/tandem"] = true,
    ["/usr/share/man/man1/tandem.1"] = true,
    ["/usr/share/doc/tandem/LICENSE"] = true,
    ["/usr/share/doc/tandem/README.md"] = true,
    ["/usr/share/doc/tandem/CHANGELOG.md"] = true,
    [stage.pkgconfig .. "/tandem.pc"] = true,
    [stage.lib .. "/tandem/core.so"] = true,
    [stage.lib .. "/tandem/tandem-worker"] = true,
  }
  for _, rule in ipairs(RULES) do
    for _, path in ipairs(install.files_below(stage.source .. "/" .. rule[1]))
    do
      if path:find(rule[2]) then set[rule[3] .. path] = true end
    end
  end
  if lfs.attributes(stage.source .. "/core/tandem.h") then
    set["/usr/include/tandem.h"] = true
  end
  return set
end

local core = stage.word(stage.lib .. "/tandem/core.so")
local worker = stage.word(stage.lib .. "/tandem/tandem-worker")

describe("the package", function()
  it("has every file in its place, and no other", function()
    local found = {}
    for _, path in ipairs(install.files_below(stage.root)) do
      found[path] = true
    end
    assert.same(expected_files(), found)
  end)

  it("lets all read, its owner alone write, and runs what is a program",
    function()
      local programs = stage.lines(("cd %s && find . -type f -perm 755 | sort")
                                   :format(files.quote(stage.root)))
      assert.same({ "./usr/bin/tandem",
                    "." .. stage.lib .. "/tandem/tandem-worker" }, programs)
      assert.same({}, stage.lines(
        ("find %s/* ! -perm 755 ! -type f -o -type f ! -perm 755 ! -perm 644")
        :format(files.quote(stage.root))))
    end)

  it("does not tell where it was built, or staged", function()
    for _, place in ipairs { stage.source, stage.root } do
      assert.same({}, stage.lines(("grep -rlF -- %s %s"):format(
        files.quote(place), files.quote(stage.root))))
    end
  end)

  it("has a module that shows one name, and needs libc alone", function()
    assert.same({ "luaopen_tandem_core" }, stage.lines(
      "nm -D --defined-only " .. core .. " | awk '{ print $3 }'"))
    local dynamic = table.concat(stage.lines("readelf -d " .. core), "\n")
    assert.matches("FLAGS_1.*NODELETE", dynamic)
    for library in dynamic:gmatch("NEEDED.-%[(.-)%]") do
      assert.matches("^lib[cm]%.so", library)
    end
  end)

  it("has programs that look for libraries where the system does", function()
    for _, file in ipairs { core, worker } do
      local dynamic = table.concat(stage.lines("readelf -d " .. file), "\n")
      assert.matches("NEEDED", dynamic)
      assert.is_nil(dynamic:find("RPATH", 1, true), file)
      assert.is_nil(dynamic:find("RUNPATH", 1, true), file)
    end
  end)

  it("has a man page that can be read", function()
    local page, code = stage.lines("mandoc -T ascii "
      .. stage.word("/usr/share/man/man1/tandem.1"))
    assert.equal(0, code)
    -- Bold letters are printed twice, one over the other.
    local text = table.concat(page, "\n"):gsub(".\8", "")
    assert.matches("^TANDEM%(1%)", text)
    assert.matches("\nEXIT STATUS\n", text)
  end)

  it("has documents whose links lead somewhere", function()
    local folder = stage.root .. "/usr/share/doc/tandem/"
    local checked = 0
    local text = files.read(folder .. "README.md")
    for target in text:gmatch("%]%((docs/[%w./-]+)") do
      assert.is_truthy(lfs.attributes(folder .. target), target)
      checked = checked + 1
    end
    assert.is_true(checked > 0)
  end)
end)
