package crash

func filterIfAsked() {}
