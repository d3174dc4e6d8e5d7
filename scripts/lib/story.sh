# The story that scripts/demo tells and tests/e2e checks: a model's versions, committed and released one after another in
# a temporary repository with a bare origin. Sourced; the caller sets root=<the checkout>, mlctl=<the binary>,
# story=<an empty folder>. Nothing outside $story is written.

story_repo() { printf '%s/repo' "$story"; }

# A user's git identity and nothing of this machine's git configuration.
story_git() {
  GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null git -C "$(story_repo)" \
    -c user.name='Ada Example' -c user.email=ada@example.org -c init.defaultBranch=main "$@"
}

# story_begin: an empty repository on main, its bare origin, and the project file.
story_begin() {
  mkdir -p "$story/repo"
  git init -q --bare -b main "$story/origin.git"
  story_git init -q -b main
  story_git config user.name 'Ada Example'
  story_git config user.email ada@example.org
  story_git remote add origin "$story/origin.git"
  cp "$root/examples/breast-cancer/mlctl.yaml" "$(story_repo)/"
  printf '/.mlctl/\n' >"$(story_repo)/.gitignore"
  mkdir -p "$(story_repo)/models/breast-cancer"
}

# story_commit VERSION: the model's files as of that version, committed and pushed.
story_commit() {
  "$root/examples/breast-cancer/put-version" "$1" "$(story_repo)/models/breast-cancer"
  story_git add -A
  story_git commit -q -m "breast-cancer $1"
  story_git push -q origin HEAD:main
}

# story_malicious_commit: a pickle that would run a command when loaded, in the place of the model.
story_malicious_commit() {
  local folder
  folder=$(story_repo)/models/breast-cancer
  python3 "$root/examples/breast-cancer/make_pickle.py" "$story/pickle-was-run" >"$folder/model.ubj"
  story_git add -A
  story_git commit -q -m "breast-cancer: a model from a stranger"
  story_git push -q origin HEAD:main
}

story_mlctl() { "$mlctl" --project "$(story_repo)" "$@"; }
